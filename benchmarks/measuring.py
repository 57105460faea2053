"""How long something takes, measured the same way in every benchmark."""

import time


def least(work, repeats, *, clock=time.perf_counter, warm=True):
    """Return the least time of several runs, and the value of the last.

    The least, so that other work on the machine does not decide. The first run of all does not
    count, unless it is not `warm` that is wanted. `time.process_time` as clock counts CPU seconds.
    """
    value, seconds = work() if warm else None, []
    for _ in range(repeats):
        started = clock()
        value = work()
        seconds.append(clock() - started)
    return min(seconds), value
