"""The paper's tables and figures, made again on this project's data and models. Owns how each of them is defined.

A study is one module with one function: what it is given (`Desk`) in, tables and figures (`Findings`) out. The paper's
numbers stand in `paper`, beside ours and never among them. What cannot be made is said, never filled in. Refuses to be
part of the running monitor: only its command imports it.
"""
