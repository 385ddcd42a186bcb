"""The OPC UA server. Owns the address space, who may read it, and its own thread; reads the store only.

Only the modules in here import asyncua, which is an extra.
"""
