"""Reports of the compilers of accelerators on our programs; no accelerator is needed."""
