"""Writes the test that decides what the old one meant, with a trial.

The value of the old test becomes a measurement: a function of a generator, made of the test's own
lines without their seeds. The expected value becomes the prediction and the tolerance the margin.
Where a test cannot be turned like this, one sentence says why.
"""

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theory_on_trial.weigh.lines import (
    SEED,
    asserts_at,
    made_by,
    made_outside,
    mutable,
    names_in,
    needed_for,
    put_name,
    reseeded,
    stored_in,
    target_of,
    unseeded,
    with_size,
)
from theory_on_trial.weigh.reading import Form, function_named, is_constant, name_of

_WIDTH = 96
_PURE = {"np", "numpy", "math", "jnp", "len", "int", "float", "sum", "abs", "min", "max", "range"}
_PURE |= {"list", "tuple", "sorted", "bool", "round", "zip", "enumerate"}
_SEEDERS = {"seed", "manual_seed", "manual_seed_all", "seed_everything", "set_seed"}
_KNOWN = {"kstest", "ks_1samp", "cramervonmises", "ks_2samp", "chisquare", "ttest_1samp"}
"""The tests of scipy.stats whose p-value can be turned into a decision."""


class Unwritten(Exception):
    """No new form can be written; the message says why."""


@dataclass(frozen=True)
class Compared:
    """A form with what its runs have shown.

    Attributes:
        form: what the assertion compares.
        side: which side varies from run to run: "a", "b" or "both".
        value: the values of the runs, shape `(runs, entries)`.
        other: the constant side, or what it was in the last run, flat.
        tolerance: of the last run, flat.
        test, size, level: the test of scipy.stats behind a p-value, "" where none is known.
        noticed: the fault that is noticed half of the time.
    """

    form: Form
    side: str
    value: np.ndarray
    other: np.ndarray
    tolerance: np.ndarray
    test: str = ""
    size: int = 0
    level: float = 0.0
    noticed: float = 0.0


@dataclass
class Written:
    """The new form of a test.

    Attributes:
        laws: the classes of `theory_on_trial.laws` that it needs.
        text: the function, without indentation.
        source: the module with it in the place of the old test.
        remarks: what was guessed, one sentence each.
    """

    laws: list[str]
    text: str
    source: str
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Facts:
    """What runs have told of a test: which kind of generator its arguments are, by name, which
    global generators it draws from, which whole numbers were seeds, and whether it is a method of a
    `unittest.TestCase`.
    """

    fixtures: dict[str, str]
    global_: Sequence[str] = ()
    seeds: frozenset[int] = frozenset()
    unittest: bool = False


def written(source: str, names: list[str], compared: Sequence[Compared], facts: Facts) -> Written:
    """Return the new form of a test; raise `Unwritten` where there is none.

    Args:
        source: the text of its module.
        names: the parts of its node id, a class before a method.
        compared: its forms, in the order of their lines.
        facts: what its runs have told.
    """
    tree = ast.parse(source)
    function = function_named(tree, names)
    if function is None:
        raise Unwritten("its function is not in the file under this name")
    if facts.unittest:
        raise Unwritten("a method of a unittest.TestCase takes no fixture: make it a function")
    writer = _Writer(function, facts, tree)
    new = writer.function(compared)
    text = _spaced(ast.unparse(ast.fix_missing_locations(new)))
    return Written(
        sorted(writer.laws),
        text,
        _spliced(source, tree, function, text, sorted(writer.laws), writer.needs),
        writer.remarks,
    )


def _spaced(text: str) -> str:
    """Return code with one empty line around each definition within a function."""
    lines: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        indent = len(line) - len(line.lstrip())
        before = len(lines[-1]) - len(lines[-1].lstrip()) if lines else indent
        opens = line.lstrip().startswith("def ") and bool(lines) and lines[-1][-1:] != ":"
        opens = opens and not lines[-1].startswith("@")
        closes = before > indent and lines[-1].lstrip().startswith("return")
        lines += [""] * (opens or closes) + [line]
    return (
        "\n".join(lines)
        .replace("'at least'", '"at least"')
        .replace("'at most'", '"at most"')
        .replace("2 ** 31", "2**31")
    )


def _spliced(
    source: str,
    tree: ast.Module,
    old: ast.FunctionDef,
    text: str,
    laws: list[str],
    needs: set[str],
) -> str:
    """Return the module's text with the new function in the old one's lines, and its imports."""
    lines = source.splitlines()
    first = min([old.lineno, *(node.lineno for node in old.decorator_list)]) - 1
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    new = [f"{indent}{line}" if line else "" for line in text.splitlines()]
    imports = sorted(needs)
    if laws:
        imports.append(f"from theory_on_trial.laws import {', '.join(laws)}")
    place = 0
    for node in tree.body:  # after the docstring and the last import before any code
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, ast.Import | ast.ImportFrom) or is_text):
            break
        place = node.end_lineno or 0
    body = [*lines[:first], *new, *lines[old.end_lineno or 0 :]]
    return "\n".join([*body[:place], *imports, *body[place:]]) + "\n"


class _Writer:
    """Turns one function into its new form; `laws`, `needs` and `remarks` are what it took."""

    def __init__(self, function: ast.FunctionDef, facts: Facts, module: ast.Module):
        self.laws: set[str] = set()
        self.needs: set[str] = set()
        self.remarks: list[str] = []
        self._old = function
        self._facts = facts
        self._module = module
        self._nested = False
        self._count = 0
        generators = {name for name, sort in facts.fixtures.items() if sort == "generator"}
        keys = {name for name, sort in facts.fixtures.items() if sort == "key"}
        others = [n for n, sort in facts.fixtures.items() if sort in ("state", "torch", "python")]
        if others:
            raise Unwritten(
                f"its argument {others[0]} is a generator that a trial does not hand out: take a "
                "numpy Generator"
            )
        self._generators = {*generators, *made_by(function, "default_rng")}
        self._generators |= made_outside(module)
        self._keys = {*keys, *made_by(function, "key"), *made_by(function, "PRNGKey")}

    def function(self, compared: Sequence[Compared]) -> ast.FunctionDef:
        """Return the new function."""
        new = copy.deepcopy(self._old)
        lines = {each.form.line for each in compared}
        if ast.get_docstring(new):
            new.body = new.body[1:]
        if not self._rewritten(new.body, lines, compared):
            raise Unwritten("its assertion stands in a helper, not in the test itself")
        handed = self._generators | self._keys
        arguments = [each for each in new.args.args if each.arg not in handed]
        with_self = bool(arguments) and arguments[0].arg == "self"
        arguments.insert(int(with_self), ast.arg("trial"))
        new.args.args = arguments
        return new

    def _rewritten(
        self,
        block: list[ast.stmt],
        lines: set[int],
        compared: Sequence[Compared],
        nested: bool = False,
    ) -> bool:
        """Put decisions in the place of the assertions of a block, or of a block within it."""
        here = [i for i, node in enumerate(block) if asserts_at(node, lines)]
        if here:
            before = [node for node in block[: here[-1]] if not asserts_at(node, lines)]
            chosen = {block[i].lineno for i in here}
            mine = [each for each in compared if each.form.line in chosen]
            self._nested = nested
            block[:] = self._decisions(before, mine)
            return True
        for i, node in enumerate(block):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Try):
                continue
            parts = (getattr(node, name, None) for name in ("body", "orelse"))
            for inner in (part for part in parts if isinstance(part, list)):
                if not any(asserts_at(each, lines) for part in inner for each in ast.walk(part)):
                    continue
                kept = [each for each in block[:i] if not self._seeds(each)]
                if drawn := next((each for each in kept if self._draws(each)), None):
                    raise Unwritten(
                        f"line {drawn.lineno} draws outside of the block of the assertion"
                    )
                if self._rewritten(inner, lines, compared, nested=True):
                    block[:] = [*kept, node]
                    return True
        return False

    def _decisions(self, before: list[ast.stmt], compared: Sequence[Compared]) -> list[ast.stmt]:
        outside: dict[str, ast.stmt] = {}
        decisions: list[ast.stmt] = []
        for each in compared:
            kept, decision = self._decision(before, each)
            outside |= {ast.unparse(node): node for node in kept}
            decisions += decision
        return [*outside.values(), *decisions]

    def _decision(
        self, before: list[ast.stmt], each: Compared
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Return the statements that stand before a decision, and it with its measurement."""
        steps = [node for node in before if not self._seeds(node)]
        if each.form.via:
            name, a, b = each.form.via
            steps = [node for node in steps if target_of(node) != name]
        else:
            a, b = each.form.a, each.form.b or ast.Constant(0.0)
        if each.form.kind == "pvalue":
            return self._of_p_value(steps, each)
        if each.side == "b":
            value, other = b, a
        elif each.side == "both" and each.form.kind == "near":
            value, other = ast.BinOp(a, ast.Sub(), b), ast.Constant(0.0)
        else:
            value, other = a, b
        word = "mean"
        options: dict[str, str] = {}
        law = self._law(each, value)
        if law == "Bernoulli()" and each.form.kind == "near":
            word = "probability"
        else:
            options["law"] = law
            self.laws.add(law.partition("(")[0])
        predicted, margin, side = self._prediction(steps, each, other)
        options |= {"side": repr(side)} if side else {"margin": margin}
        self._remark_on_spread(each)
        given = ", ".join(f"{name}={text}" for name, text in options.items())
        kept, definitions, measure = self._measured(steps, value)
        call = f"trial.{word}({measure}, {predicted}, {given})"
        if len(call) > _WIDTH and not definitions:
            kept, definitions, measure = self._measured(steps, value, inline=False)
            call = f"trial.{word}({measure}, {predicted}, {given})"
        kept = self._with_names(kept, steps, f"{predicted}, {margin or 0}")
        return kept, [*definitions, *ast.parse(call).body]

    def _with_names(self, kept: list[ast.stmt], steps: list[ast.stmt], text: str) -> list[ast.stmt]:
        """Return the steps that stay outside, with those that a text needs."""
        shown = {ast.unparse(node) for node in kept}
        named: list[ast.stmt] = [
            node
            for node in steps
            if isinstance(node, ast.Assign | ast.FunctionDef) and not self._draws(node)
        ]
        needed = needed_for(named, ast.parse(text, mode="eval").body)
        return [*kept, *(node for node in needed if ast.unparse(node) not in shown)]

    def _remark_on_spread(self, each: Compared) -> None:
        """Say which smaller margin costs little, where the tolerance is several spreads wide."""
        spread = float(np.std(each.value)) if each.value.shape[1:] == (1,) else 0.0
        if spread > 0 and each.noticed > 1.5 * spread:
            margin = float(f"{spread / 2:.1g}")
            self.remarks.append(
                f"with margin={margin:g}, half the spread of the value, it takes about 250 samples "
                "and finds smaller faults"
            )

    def _prediction(
        self, steps: list[ast.stmt], each: Compared, other: ast.expr
    ) -> tuple[str, str, str]:
        """Return prediction, margin and side as texts."""
        form = each.form
        if form.kind == "between":
            return self._ends(each)
        constant = each.side != "both"
        shown = ast.unparse(other) if constant else "0.0"
        if constant and any(
            self._draws(node) for node in steps if target_of(node) in names_in(other)
        ):
            shown = _number(each.other)
        return shown, self._margin(steps, each, shown), ""

    def _margin(self, steps: list[ast.stmt], each: Compared, predicted: str) -> str:
        """Return the tolerance as it stands in the test, or else, where it is drawn, its number."""
        form = each.form
        given = [part for part in (form.atol, form.rtol) if part is not None]
        drawn = {target_of(node) for node in steps if self._draws(node)}
        if any(self._draws(part) or names_in(part) & drawn for part in given):
            return _number(each.tolerance)
        if form.rule == "absolute" and form.atol is not None:
            return ast.unparse(form.atol) if not is_constant(form.atol) else _number(each.tolerance)
        if form.rule == "allclose" and self._nested and form.rtol is not None:
            absolute = "" if form.atol is None else f"{ast.unparse(form.atol)} + "
            return f"{absolute}{ast.unparse(form.rtol)} * abs({predicted})"
        return _number(each.tolerance)

    def _ends(self, each: Compared) -> tuple[str, str, str]:
        form = each.form
        if form.low is not None and form.high is not None:
            low, high = each.other[0], each.other[1]
            return f"{(low + high) / 2:.6g}", f"{(high - low) / 2:.6g}", ""
        limit = float(each.other.flat[0])
        at_most = (form.high is not None) == (each.side != "b")
        end = form.high if form.high is not None else form.low
        shown = f"{limit:.6g}" if end is None or not is_constant(end) else ast.unparse(end)
        self.remarks.append(
            "one limit says no expected value, so the new form decides that the mean keeps to the "
            "limit: with an expected value and two sides it would notice more"
        )
        return shown, "", "at most" if at_most else "at least"

    def _law(self, each: Compared, value: ast.expr) -> str:
        """Return the law that is guessed, and say so in a remark."""
        values = each.value
        if values.size and np.isin(values, (0, 1)).all():
            return "Bernoulli()"
        if _is_share(value) and np.all((values >= 0) & (values <= 1)):
            self.remarks.append("law=Bounded(0, 1) is a guess: the value is a share")
            return "Bounded(0, 1)"
        self.remarks.append(
            f"law=Asymptotic() is a guess: a finite variance and nothing else, which {len(values)} "
            "values do not contradict"
        )
        return "Asymptotic()"

    # ------------------------------------------------------------------------- the measurement

    def _measured(
        self,
        steps: list[ast.stmt],
        value: ast.expr,
        sized: int = 0,
        times: int = 1,
        inline: bool = True,
    ) -> tuple[list[ast.stmt], list[ast.stmt], str]:
        """Return what stays outside, the definition of the measurement if it needs one, and how it
        is named in the call.
        """
        steps = [unseeded(node, self._generators, self._keys) for node in steps]
        value = unseeded(value, self._generators, self._keys)
        if not any(self._uses(steps, value, name) for name in ("rng", "key")):
            steps = [reseeded(node, self._facts.seeds) for node in steps]
            value = reseeded(value, self._facts.seeds)
        steps = needed_for(steps, value)
        helpers: list[ast.stmt] = [
            n for n in steps if isinstance(n, ast.FunctionDef) and not self._draws(n)
        ]
        steps = [node for node in steps if node not in helpers]
        parameter = "key" if self._uses(steps, value, "key") else "rng"
        seeding = self._seeding(steps, value) if parameter == "rng" else []
        inlined = None if seeding else self._inlined(steps, value)
        if inlined is not None and inline:
            text = f"lambda {parameter}: {ast.unparse(inlined)}"
            if (
                sized
                and (of_size := with_size(inlined, sized, self._sizes(sized), times)) is not None
            ):
                text = f"lambda {parameter}, n: {ast.unparse(of_size)}"
            elif sized:
                text = f"{text}[0]"
            return helpers, [], text
        if inlined is not None and len(ast.unparse(inlined)) <= _WIDTH:
            steps = []
            value = inlined
        outside, inside = self._split(steps)
        self._count += 1
        name = "statistic" if self._count == 1 else f"statistic_{self._count}"
        shown = ast.unparse(value) + ("[0]" if sized else "")
        definition = ast.parse(f"def {name}({parameter}):\n    return {shown}").body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.body[:0] = [*seeding, *inside]
        return [*helpers, *outside], [definition], name

    def _sizes(self, size: int) -> set[str]:
        """Return the names of the module that stand for a number."""
        return {
            target_of(node)
            for node in self._module.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and node.value.value == size
        }

    def _split(self, steps: list[ast.stmt]) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Split the steps into those that may stay outside of a measurement and the others: a
        constant that nothing changes may stay, if it is made of such constants.
        """
        outside: list[ast.stmt] = []
        inside: list[ast.stmt] = []
        written = [name for step in steps for name in stored_in(step)]
        within: set[str] = set()
        for step in steps:
            name = target_of(step)
            fixed = name and written.count(name) == 1 and not mutable(step)
            if fixed and not self._draws(step) and not names_in(step) & within:
                outside.append(step)
            else:
                inside.append(step)
                within |= set(stored_in(step))
        return outside, inside

    def _inlined(self, steps: list[ast.stmt], value: ast.expr) -> ast.expr | None:
        """Return the value as one expression of the generator; None where a name would be drawn
        twice, or a step is no assignment.
        """
        for step in reversed(steps):
            name = target_of(step)
            if not name or not isinstance(step, ast.Assign):
                return None
            uses = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value))
            if (self._draws(step) and uses > 1) or (uses and mutable(step)):
                return None
            if uses and any(isinstance(n, _SCOPES) for n in ast.walk(value)):
                return None
            value = put_name(value, name, step.value)
        return value

    def _seeding(self, steps: list[ast.stmt], value: ast.expr) -> list[ast.stmt]:
        """Return what seeds the global generators from `rng`, where the test draws from them."""
        texts = []
        if "np.random" in self._facts.global_ and not self._uses(steps, value, "rng"):
            texts.append(f"np.random.seed({SEED})")
        if "random" in self._facts.global_:
            texts.append(f"random.seed({SEED})")
            self.needs.add("import random")
        if "torch" in self._facts.global_:
            texts.append(f"torch.manual_seed({SEED})")
        if not texts and not self._uses(steps, value, "rng"):
            raise Unwritten("what it draws with is not seen in its lines: hand a generator over")
        return [node for text in texts for node in ast.parse(text).body]

    def _uses(self, steps: list[ast.stmt], value: ast.expr, name: str) -> bool:
        nodes = [n for part in (*steps, value) for n in ast.walk(part)]
        return any(isinstance(node, ast.Name) and node.id == name for node in nodes)

    def _seeds(self, node: ast.stmt) -> bool:
        """Tell whether a statement seeds a generator, or makes one under a name."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return name_of(node.value.func) in _SEEDERS
        return target_of(node) in self._generators | self._keys

    def _draws(self, node: ast.AST) -> bool:
        """Tell whether a statement may draw: it calls what is not known to draw nothing."""
        names = self._generators | self._keys | {"rng", "key"}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in names:
                return True
            if isinstance(part, ast.Call):
                root = ast.unparse(part.func)
                if root.partition(".")[0] not in _PURE or "random" in root:
                    return True
        return False

    # ---------------------------------------------------------------------------- p-values

    def _of_p_value(
        self, steps: list[ast.stmt], each: Compared
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Return the decision on the whole law whose p-value the old test looks at."""
        calls = [
            call
            for node in [*steps, each.form.a]
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and name_of(call.func) == each.test
        ]
        if each.test not in _KNOWN or len(calls) != 1 or not calls[0].args:
            raise Unwritten(
                "its p-value is of a test that has no form here: say what it tests with trial.mean "
                "or trial.distribution"
            )
        call = calls[0]
        steps = [node for node in steps if call not in ast.walk(node)]
        if each.test in ("chisquare", "ttest_1samp"):
            return self._of_means(steps, call, each)
        if each.test == "ks_2samp":
            pair = ast.parse("np.stack([a, b], axis=1)", mode="eval").body
            for name, side in zip("ab", call.args, strict=False):
                pair = put_name(pair, name, side)
            kept, definitions, measure = self._measured(steps, pair, each.size, 2)
            cdf = ""
        else:
            kept, definitions, measure = self._measured(steps, call.args[0], each.size)
            cdf = self._cdf(call)
            kept = self._with_names(kept, steps, cdf)
        least = 0.01 if ", n:" in measure else 0.05
        margin = max(float(f"{_critical(each.size, each.level) / 4:.1g}"), least)
        self.remarks.append(
            f"the margin is a guess: {margin:g} is how far the cdf may be off; a p-value names no "
            "tolerance"
        )
        given = ", ".join(filter(None, [measure, cdf, f"margin={margin:g}"]))
        return kept, [*definitions, *ast.parse(f"trial.distribution({given})").body]

    def _of_means(
        self, steps: list[ast.stmt], call: ast.Call, each: Compared
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Return the decision on the expected counts of chisquare, or on Student's mean."""
        counts = each.test == "chisquare"
        kept, definitions, measure = self._measured(steps, call.args[0], 0 if counts else each.size)
        words = {word.arg: word.value for word in call.keywords}
        expected = call.args[1] if len(call.args) > 1 else words.get("f_exp", words.get("popmean"))
        predicted = _number(each.other) if expected is None else ast.unparse(expected)
        if expected is not None and self._draws(expected):
            raise Unwritten("what its p-value compares with is drawn, too")
        kept = self._with_names(kept, steps, predicted)
        margin = float(f"{each.noticed / 4:.1g}")
        what = "a count" if counts else "the mean"
        self.remarks.append(
            f"the margin is a guess: {margin:g}, a quarter of the move of {what} that the old test "
            "notices half of the time; a p-value names no tolerance"
        )
        self.remarks.append("law=Asymptotic() is a guess: a finite variance and nothing else")
        self.laws.add("Asymptotic")
        decision = f"trial.mean({measure}, {predicted}, law=Asymptotic(), margin={margin:g})"
        return kept, [*definitions, *ast.parse(decision).body]

    def _cdf(self, call: ast.Call) -> str:
        cdf = call.args[1]
        arguments = next((w.value for w in call.keywords if w.arg == "args"), None)
        if arguments is None and len(call.args) > 2:
            arguments = call.args[2]
        if isinstance(cdf, ast.Constant) and isinstance(cdf.value, str):
            home = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else "stats"
            if home == "stats" and not isinstance(call.func, ast.Attribute):
                self.needs.add("from scipy import stats")
            law = f"{home}.{cdf.value}"
            return f"{law}.cdf" if arguments is None else f"{law}({_listed(arguments)}).cdf"
        if arguments is None:
            return ast.unparse(cdf)
        return f"lambda x: ({ast.unparse(cdf)})(x, {_listed(arguments)})"


def _listed(arguments: ast.expr) -> str:
    """Return a tuple of arguments as they stand in a call."""
    if isinstance(arguments, ast.Tuple | ast.List):
        return ", ".join(map(ast.unparse, arguments.elts))
    return f"*{ast.unparse(arguments)}"


_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _critical(size: int, level: float) -> float:
    """Return the distance of cdfs at which Kolmogorov and Smirnov's test has this p-value."""
    from scipy import stats

    return float(stats.kstwo.isf(level, size))


def _is_share(value: ast.expr) -> bool:
    """Tell whether a value is the mean of a comparison."""
    if not isinstance(value, ast.Call) or name_of(value.func) not in ("mean", "average"):
        return False
    inner: Any = value.args[0] if value.args else None
    if inner is None and isinstance(value.func, ast.Attribute):
        inner = value.func.value
    return isinstance(inner, ast.Compare)


def _number(values: np.ndarray) -> str:
    """Return one number for equal entries, or else a list of them."""
    rounded = [float(f"{value:.3g}") for value in np.ravel(values)]
    if len(set(rounded)) == 1:
        return repr(rounded[0])
    if len(rounded) > 32:
        raise Unwritten("its tolerance differs between the entries of a large array")
    return repr(rounded)
