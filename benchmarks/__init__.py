"""Speed as a ratio to a named peer in the same run, after agreement was checked."""
