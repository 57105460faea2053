"""Results to sections: pure functions, one module a part of the report.

Every module has `section(index)`, and `measures(index)` with the metrics that it shows; what no
module shows is listed by `others`.
"""
