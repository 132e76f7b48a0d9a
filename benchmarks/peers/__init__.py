"""The samplers of other libraries behind one interface, and the floors under all of them.

A peer's module has `prepare(path, chain)`: it reads the logits `[B, V]` of an .npy file and returns
`call(i)`, which draws a token for every row and blocks until they are there, or None where the
peer can't express the chain (`peers.chains`).
"""
