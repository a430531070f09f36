"""Does the full tier say what it promises? `theory-on-trial audit full-tier [PAPER | CLAIM …]` runs
it over seeds.

As the calibration of the fast tier: 20 seeds of a claim that takes at most a minute, 5 of any
other. The table is `full_tier.json` of the records.
"""

from dataclasses import replace

from theory_on_trial.audits import calibration
from theory_on_trial.audits.driver import ids

main = replace(
    calibration.AUDIT,
    name="full_tier",
    title="False alarms and power: the full tier over seeds",
    parts=lambda: ids("full"),
).main
