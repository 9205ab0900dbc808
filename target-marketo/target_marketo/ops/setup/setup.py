"""`marketo-ops setup`: what `streams` names and Marketo lacks; with `--apply` it is made.

Reading comes first and whole (look.py); then the plan, which is pure (fields.py, activity_types.py,
steps.py); then one call for each thing (make.py). Nothing that is there is changed, so a run that
broke off is simply repeated.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from target_marketo import assembly
from target_marketo.ops.console import console, counted, plain, print_json, print_table
from target_marketo.ops.setup.look import make_plan
from target_marketo.ops.setup.make import apply
from target_marketo.ops.setup.steps import Mark

if TYPE_CHECKING:
    from target_marketo.ops.setup.make import Made
    from target_marketo.ops.setup.steps import Plan
    from target_marketo.settings import Settings
    from target_marketo.store.database import Database


@dataclass
class Result:
    """The plan, and what was made of it."""

    plan: Plan
    applied: bool = False
    made: list[Made] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.plan.count(Mark.CANNOT) and all(each.ok for each in self.made)

    def document(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "ok": self.ok,
            "warnings": self.plan.warnings,
            "rows": [asdict(row) for row in self.plan.rows],
            "made": [asdict(each) for each in self.made],
        }


def run(
    settings: Settings, database: Database, folder: str, *, to_apply: bool, as_json: bool
) -> bool:
    """Shows the plan and, if asked to, makes it; whether all is well then."""
    marketo = assembly.marketo(settings, database)
    result = Result(make_plan(settings, database, marketo, folder), applied=to_apply)
    if not as_json:
        show(result)
    if to_apply:
        result.made = apply(result.plan, marketo)
    if as_json:
        print_json(result.document())
    elif result.made:
        show_made(result.made)
    return result.ok


def show(result: Result) -> None:
    """Prints the plan: before anything is made."""
    plan = result.plan
    rows = [(str(row.mark), row.what, row.name, row.text) for row in plan.rows]
    print_table("Marketo, as `streams` wants it", ("", "what", "name", "which"), rows)
    screen = console()
    for text in ("", *plan.warnings, _summary(result)):
        screen.print(plain(text), markup=False)


def show_made(made: list[Made]) -> None:
    """Prints how the acts ended, a line each."""
    screen = console()
    for each in made:
        screen.print("[green]✓[/] " if each.ok else "[bold red]✗[/] ", end="")
        text = f"{each.what}: {each.text}" if each.text else each.what
        screen.print(plain(text), markup=False, soft_wrap=True)
    failed = sum(not each.ok for each in made)
    done = f"{len(made) - failed} of {len(made)} made."
    cure = " `marketo-ops setup` shows what is still missing." if failed else ""
    screen.print(done + cure, markup=False)


def _summary(result: Result) -> str:
    plan = result.plan
    to_make, cannot = plan.count(Mark.MAKE), plan.count(Mark.CANNOT)
    by_you = f"{counted(cannot, 'line')} marked ! {'is' if cannot == 1 else 'are'} yours to fix."
    if not to_make:
        return by_you if cannot else "Nothing to do: Marketo has all that `streams` names."
    there = f"{to_make} to make, {plan.count(Mark.THERE)} there."
    cure = " Nothing was changed: `marketo-ops setup --apply` makes it."
    return f"{there}{'' if result.applied else cure}{' ' + by_you if cannot else ''}"
