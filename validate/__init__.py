"""A study: protocol, cohort tables, external validation, provenance, command line."""
