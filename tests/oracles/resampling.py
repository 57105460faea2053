"""xoshiro256++ and splitmix64 in plain Python integers, from their published C code."""

WORD = 2**64 - 1


def splitmix64(seed):
    """Yield the splitmix64 sequence that starts after `seed`."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & WORD
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        yield z ^ (z >> 31)


def xoshiro256pp(state):
    """Yield the xoshiro256++ sequence from four 64-bit words."""
    s = list(state)

    def rotl(x, k):
        return ((x << k) | (x >> (64 - k))) & WORD

    while True:
        yield (rotl((s[0] + s[3]) & WORD, 23) + s[0]) & WORD
        t = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)


def resample(key, b, sizes):
    """Return the drawn rows of each stratum, in the order drawn."""
    start = next(splitmix64(next(splitmix64(key)) ^ b))
    words = splitmix64(start)
    source = xoshiro256pp([next(words) for _ in range(4)])
    drawn = []
    for n in sizes:
        rows = []
        while len(rows) < n:
            word = next(source)
            for half in (word >> 32, word & 0xFFFFFFFF):
                if len(rows) < n and (half * n) % 2**32 >= (2**32 - n) % n:
                    rows.append(half * n >> 32)
        drawn.append(rows)
    return drawn


def resample_in_rounds(key, b, sizes):
    """Return the drawn rows of each stratum where rejected draws are made up for in later rounds.

    Each block of up to 256 words gives draws of 16 bits (32 with more than 2**14 rows), lowest
    bits first, and what a block leaves of its last word is not used.
    """
    words = splitmix64(next(splitmix64(next(splitmix64(key)) ^ b)))
    drawn = []
    for n in sizes:
        width = 16 if n <= 2**14 else 32
        rows, missing = [], n
        while missing:
            left = missing
            while left:
                size = min(256 * 64 // width, left)
                parts = []
                while len(parts) < size:
                    word = next(words)
                    parts += [word >> shift & (2**width - 1) for shift in range(0, 64, width)]
                rows += [
                    part * n >> width
                    for part in parts[:size]
                    if (part * n) % 2**width >= 2**width % n
                ]
                left -= size
            missing = n - len(rows)
        drawn.append(rows)
    return drawn
