"""What the compilers of accelerators say of our programs; no accelerator is needed."""
