"""Text in and text out: tokenizers, chat templates and decoding while tokens are drawn."""
