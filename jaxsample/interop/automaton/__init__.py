"""Regular expressions and JSON schemas, compiled to automata over the tokens of a vocabulary."""
