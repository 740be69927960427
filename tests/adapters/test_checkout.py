"""The Git checkout of the pipeline files: forward only, valid only, and changes on branches of their own."""

import subprocess
from pathlib import Path

import pytest
from command_line import PIPELINE

from mlmon_dagster.adapters.checkout import Checkout, open_checkout
from mlmon_dagster.errors import BlockedError, InvalidPipelineError, UnavailableError

AUTHOR = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *AUTHOR, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Repository:
    """A repository on a server, somebody's clone of it, and the checkout that mlmon reads."""

    def __init__(self, folder: Path) -> None:
        self.server, self.clone, self.ours = (folder / name for name in ("server.git", "clone", "ours"))
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.server))
        git(folder, "clone", "-q", str(self.server), str(self.clone))
        self.commit("pipelines/prices/pipeline.yaml", PIPELINE)
        git(folder, "clone", "-q", str(self.server), str(self.ours))
        self.checkout = Checkout(self.ours / "pipelines", {})

    def commit(self, path: str, content: str, *push: str) -> str:
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "-q", "-m", f"Change {path}")
        git(self.clone, "push", "-q", *push, "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")

    @property
    def head(self) -> str:
        return git(self.ours, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_it_goes_forward_to_what_was_merged(repository: Repository) -> None:
    before, after = repository.head, repository.commit("pipelines/prices/prices.py", "train = None\n")
    found = repository.checkout.update("main")
    assert (found.before, found.after, repository.head) == (before, after, after)
    assert (repository.ours / "pipelines" / "prices" / "prices.py").exists()
    assert repository.checkout.update("main").before == after


def test_a_branch_with_a_mistake_is_not_taken_over(repository: Repository) -> None:
    before = repository.head
    repository.commit("pipelines/prices/pipeline.yaml", PIPELINE.replace("weekly", "weakly"))
    with pytest.raises(InvalidPipelineError) as refusal:
        repository.checkout.update("main")
    assert refusal.value.problems[0].file == "pipelines/prices/pipeline.yaml"
    assert repository.head == before


def test_a_rewritten_branch_is_not_followed(repository: Repository) -> None:
    repository.commit("README", "one")
    repository.checkout.update("main")
    before = repository.head
    git(repository.clone, "reset", "-q", "--hard", "HEAD~1")
    repository.commit("README", "another", "--force")
    with pytest.raises(BlockedError) as refusal:
        repository.checkout.update("main")
    assert (refusal.value.code, repository.head) == ("DIVERGED", before)


def test_what_was_changed_by_hand_is_kept(repository: Repository) -> None:
    repository.commit("README", "one")
    (repository.ours / "pipelines" / "prices" / "pipeline.yaml").write_text("by hand", encoding="utf-8")
    with pytest.raises(BlockedError, match="by hand"):
        repository.checkout.update("main")


def test_a_branch_that_is_not_there_is_told(repository: Repository) -> None:
    with pytest.raises(UnavailableError, match="nowhere"):
        repository.checkout.update("nowhere")


def test_a_proposal_is_a_branch_and_changes_nothing_else(repository: Repository) -> None:
    before = repository.head
    content = PIPELINE.replace("weekly", "daily").encode()
    args = {"branch": "mlmon/prices-1", "message": "Declare prices anew\n\nbecause\n", "author": "mia"}
    found = repository.checkout.propose("prices", content, **args)
    assert (found.base, found.file, found.pushed) == (before, "pipelines/prices/pipeline.yaml", True)
    assert repository.head == before
    assert git(repository.ours, "status", "--porcelain") == ""
    assert "windows: daily" in git(repository.server, "show", "mlmon/prices-1:pipelines/prices/pipeline.yaml")
    assert git(repository.server, "log", "-1", "--format=%an %s", "mlmon/prices-1") == "mia Declare prices anew"
    assert repository.checkout.propose("prices", content, **args) == found


def test_a_new_pipeline_gets_a_folder_of_its_own(repository: Repository) -> None:
    content = PIPELINE.replace("pipeline: prices", "pipeline: rents").encode()
    found = repository.checkout.propose("rents", content, branch="mlmon/rents", message="x", author="mia")
    assert found.file == "pipelines/rents/pipeline.yaml"


def test_a_folder_that_is_in_no_checkout_has_none(tmp_path: Path) -> None:
    assert open_checkout(tmp_path, {}) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "pipelines").mkdir()
    assert open_checkout(tmp_path / "pipelines", {}) is not None


def test_what_changes_nothing_is_not_proposed(repository: Repository) -> None:
    with pytest.raises(BlockedError) as refusal:
        repository.checkout.propose("prices", PIPELINE.encode(), branch="mlmon/x", message="x", author="mia")
    assert refusal.value.code == "SAME"
    assert git(repository.server, "branch", "--list", "mlmon/*") == ""
