"""Several people, each with a process of his own, decide about one dataset at the same time."""

import subprocess
import sys
from pathlib import Path

from tests.app.review_client import client_of, small

from webiml.store.reviews import Reviews

ROOT = Path(__file__).resolve().parents[2]
PERSON = """
import sys
from pathlib import Path
from tests.app.review_client import client_of

folder, name = Path(sys.argv[1]), sys.argv[2]
client = client_of(folder, name)
print("ready", flush=True)
sys.stdin.readline()
for number in range(6):
    key = f"pair-{number % 3}"
    if number % 2:
        body = {"verdict": "reject", "reason": "unclear", "note": f"{name} {number}"}
    else:
        stroke = {"value": 1, "runs": [64 * 40 + len(name) * number, 3]}
        assert client.post(f"/api/case/{key}/draft", json={"stroke": stroke}).status_code == 200
        body = {"verdict": "accept", "note": f"{name} {number}"}
    answer = client.post(f"/api/case/{key}/decision", json=body)
    assert answer.status_code == 200, answer.text
"""


def test_nothing_that_two_people_decide_at_once_is_lost(tmp_path):
    folder = small(tmp_path / "d")
    people = [
        subprocess.Popen(
            [sys.executable, "-c", PERSON, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in ("Ann", "Robert")
    ]
    for person in people:
        assert person.stdout is not None and person.stdout.readline() == "ready\n", person.stderr.read()  # type: ignore[union-attr]
    for person in people:
        assert person.stdin is not None
        person.stdin.write("go\n")
        person.stdin.flush()
    for person in people:
        _, errors = person.communicate(timeout=60)
        assert person.returncode == 0, errors
    reviews = Reviews.read(folder)
    assert len(reviews.all) == 12
    for name in ("Ann", "Robert"):
        assert [one.note for one in reviews.all if one.reviewer == name] == [f"{name} {n}" for n in range(6)]
    seen: dict[str, object] = {}
    for one in reviews.all:  # each says what it found, and that is what the one before it left
        assert seen.get(one.key, one.before) == one.before
        seen[one.key] = one.after
    client = client_of(folder)
    for number in range(3):
        found = client.get(f"/api/case/pair-{number}").json()
        assert {one["reviewer"] for one in found["decisions"]} == {"Ann", "Robert"}
        assert client.get(f"/api/case/pair-{number}/mask").status_code == 200


def test_the_page_starts_without_what_only_pictures_need(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from webiml.app.review.open import open_cases\nfrom webiml.app.review.server import review_app\n"
        "review_app(open_cases(Path(sys.argv[1])), 'Ann')\n"
        "assert not {'cv2', 'PIL', 'matplotlib', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(small(tmp_path / "d"))], check=True, timeout=60)
