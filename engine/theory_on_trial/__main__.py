"""`python -m theory_on_trial` is the command `theory-on-trial`."""

from theory_on_trial.command import main

if __name__ == "__main__":
    raise SystemExit(main())
