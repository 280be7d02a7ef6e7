"""5,000 damaged files: each is refused by name or gives the same graph; ``python tools/damage.py`` does any number."""

from tests.files.damage import WAYS
from tests.files.survey import survey


def test_damaged_files_are_refused_or_load_the_same(tmp_path):
    outcomes, broken = survey(tmp_path, seed=0, count=5000)
    assert broken == []
    assert outcomes.total() == 5000
    assert [kind for kind in WAYS if not outcomes[f"{kind}: refused"]] == []  # every way came, and did damage
