"""The falsifier's record: every bound of the papers is searched, and what is attained breaks when
made tighter.
"""

from theory_on_trial.audits import falsify
from theory_on_trial.repository import outline


def test_no_line_of_the_record_has_a_complaint():
    rows = [row for (row, _), *_ in falsify.AUDIT.on_record().values()]
    lines = [dict(zip(falsify.COLUMNS, row, strict=True)) for row in rows]
    assert list(filter(None, map(falsify.complaint, lines))) == []
    assert sum(line["attained"] == "yes" for line in lines) > len(lines) / 4
    for line in lines:
        assert line["trials"] > 0
        assert (line["attained"] == "yes") == (line["made 1 % tighter"] == "broken")


def test_every_bound_is_on_record():
    here = {
        bound for bound in falsify.bounds() if bound.rpartition(".")[0] in outline.papers()
    }  # tests register toys
    assert set(falsify.AUDIT.on_record()) == here
