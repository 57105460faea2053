"""The two complaints of this room: wrong input as a whole, and one case that cannot be used."""


class FeatureInputError(Exception):
    """A manifest, parameter file or weights file is wrong; the sentence says how to mend it."""


class CaseError(Exception):
    """One image-mask pair cannot be used; the run goes on and lists it with code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence
