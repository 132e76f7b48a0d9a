"""What transforms of single tokens share: the history of a row and finite arithmetic."""
