"""A real camera in a process of its own: a vendor's call can hang for ever, or take its process with it.

    ChildCamera (here)                          python -m monitor.devices.child
      settings, requests   ── SEQPACKET ──►       Webcam or BaslerCamera
      facts, errors, "lost" ◄─ SEQPACKET ──       one request at a time
      pixels               ◄── memfd ─────        one frame at a time, copied, never pickled

One child lives from `open` to `close`. Where it does not answer in time it is killed, and that is a DeviceLost: whoever
keeps the camera opens it again. No child outlives its parent: the kernel kills it then, and the socket ends.
"""

from monitor.devices.child.camera import ChildCamera

__all__ = ["ChildCamera"]
