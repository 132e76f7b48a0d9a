"""The samplers of other libraries behind one interface, and lower bounds for all of them.

The module of a peer has `prepare(path, chain)`. It reads the logits `[B, V]` of an .npy file and
returns `call(i)`, which draws a token for every row and blocks until they are ready. It returns
None if the peer cannot express the chain (`peers.chains`).
"""
