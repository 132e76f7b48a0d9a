"""How a module is called unless its user says otherwise."""


def tokens_alone(module, tokens, positions):
    """Call a module that counts positions itself."""
    return module(tokens)
