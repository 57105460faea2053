"""The one error that a user can mend: a sentence with place, finding and remedy."""


class InputError(Exception):
    """The input is wrong; the command line prints the sentence and exits with code 2."""
