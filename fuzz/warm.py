"""`python -m fuzz.warm`: compile what a campaign needs into the cache folder, so that the first run starts at once."""

from __future__ import annotations


def main() -> None:
    from strategies.plan import make_plan

    seconds = make_plan("v2", 0).warm()
    print(f"engine compiled and cached in {seconds:.1f} s")


if __name__ == "__main__":
    main()
