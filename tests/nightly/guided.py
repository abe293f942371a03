"""What atheris calls with made-up files; ``damage.guided`` starts it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]


def corpus(place):
    """Put files to begin with into a folder: whole files, config texts, arrays."""
    import attacks
    import damage

    forgery = attacks.Forgery()
    texts = [damage.text_of(content) for content in damage.corpus()]
    arrays = [forgery.entries[name] for name in (attacks.WEIGHT, attacks.SLOTS, attacks.STEP)]
    kinds = [damage.corpus(), texts, arrays]
    for kind, contents in enumerate(kinds):
        for index, content in enumerate(contents):
            Path(place, f"{kind}-{index}").write_bytes(bytes([kind]) + content)


def main():
    """Let atheris try files, config texts and arrays, under checksums that are right."""
    import atheris

    with atheris.instrument_imports(include=["fastnn.archive", "fastnn.saving", "fastnn.registry"]):
        from fastnn import archive, registry, saving  # noqa: F401
    import attacks
    import damage

    forgery = attacks.Forgery()
    whole = dict(forgery.entries)

    def once(data):
        kind, data = data[:1], data[1:]
        forgery.text, forgery.entries = None, dict(whole)
        if kind == b"\1":
            forgery.text = data
        elif kind == b"\2":
            forgery.entries[attacks.WEIGHT] = data
        content = archive.seal(data[:-64]) if kind == b"\0" else forgery.bytes()
        wrong = damage.refused(content)
        if wrong:
            raise RuntimeError(wrong)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
