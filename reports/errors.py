"""What can go wrong when a report is written."""


class ReportError(Exception):
    """A report that would come out wrong; the message says what, where, and what to do."""
