"""The decode loops that benchmarks/decode.py and compile.py compare, one file each."""
