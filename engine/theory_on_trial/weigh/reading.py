"""Reads a test's syntax tree: what do its assertions compare, and how closely?

An assertion is understood as a *form*: either |a - b| is at most a tolerance, or a value lies
between two ends, or a p-value exceeds a level. `instrumented` puts a call of the recorder in the
place of each form, so that a run notes all its comparisons and ends at none of them.
"""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["near", "between", "pvalue"]
Rule = Literal["absolute", "allclose", "approx", "isclose", "dtype"]
"""How a tolerance follows from `atol`, `rtol` and the two sides."""

RECORDER = "__weigh__"
"""The name under which a weighed module finds the recorder."""

_P_VALUE = re.compile(r"p_?val(ue)?s?$|^p$|^pv$", re.IGNORECASE)
_ABSOLUTE = {"abs", "fabs", "absolute"}
_SUMMED = {"max", "amax", "float", "all", "item"}
"""Wrappers that leave "every difference is below the tolerance" as it is."""


@dataclass(frozen=True)
class Form:
    """One comparison of an assertion.

    Attributes:
        line: its line in the file, from 1.
        text: the assertion as it stands there.
        kind: what is compared: "near" (a with b), "between" (a with ends), "pvalue" (with a level).
        a: what is compared, and of "near" its counterpart `b`.
        low, high: the ends of "between"; None where there is none. `low` is the level of "pvalue".
        strict: whether the lower and the upper end themselves fail the test.
        rule, atol, rtol: the tolerance of "near".
        via: the name, and what stood in its abs(a - b), where the assertion compares a name.
    """

    line: int
    text: str
    kind: Kind
    a: ast.expr
    b: ast.expr | None = None
    low: ast.expr | None = None
    high: ast.expr | None = None
    strict: tuple[bool, bool] = (False, False)
    rule: Rule = "absolute"
    atol: ast.expr | None = None
    rtol: ast.expr | None = None
    via: tuple[str, ast.expr, ast.expr] | None = None

    def recorded(self, number: int) -> ast.Expr:
        """Return the statement that notes this comparison under its number."""
        given = (self.a, self.b, self.low, self.high, self.atol, self.rtol)
        names = ("a", "b", "low", "high", "atol", "rtol")
        call = ast.Call(
            ast.Name(RECORDER, ast.Load()),
            [ast.Constant(number)],
            [ast.keyword(name, part) for name, part in zip(names, given, strict=True) if part],
        )
        return ast.Expr(call)


class Reading(ast.NodeTransformer):
    """The forms of a module, in the order of their numbers, and what was not understood.

    `visit` returns the module with the recorder in their places. In bodies of `try` and of
    `with pytest.raises` nothing is replaced: there a failing assertion is part of the test.

    Attributes:
        forms: the comparisons that were understood.
        unknown: line and text of each assertion that was not.
    """

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.unknown: list[tuple[int, str]] = []
        self._differences: list[dict[str, ast.expr]] = [{}]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Read a function: which of its names stand for a difference."""
        self._differences.append(_differences(node))
        self.generic_visit(node)
        self._differences.pop()
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Leave it as it is."""
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        """Leave what expects an exception as it is."""
        raises = any("raises" in ast.unparse(item.context_expr) for item in node.items)
        return node if raises else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        """Keep both sides of a difference that an assertion compares by its name."""
        match node.targets, _difference(node.value):
            case [ast.Name(name)], (a, b) if name in self._differences[-1]:
                sides = (_kept(f"{name}_a", a), _kept(f"{name}_b", b))
                whole = node.value
                for side, part in zip(sides, (a, b), strict=True):
                    whole = _put(whole, part, side.targets[0])
                return [*sides, ast.copy_location(ast.Assign(node.targets, whole), node)]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST | list[ast.stmt]:
        """Put the recorder in the place of an assertion."""
        return self._replaced(node, list(_conjuncts(node.test)))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        """Put the recorder in the place of a call that asserts."""
        if not isinstance(node.value, ast.Call) or not _asserts(node.value):
            return node
        return self._replaced(node, [node.value])

    def _replaced(self, node: ast.stmt, tests: list[ast.expr]) -> ast.AST | list[ast.stmt]:
        text = ast.unparse(node).partition("\n")[0]
        forms = [self._form(test, node.lineno, text) for test in tests]
        if None in forms:
            self.unknown.append((node.lineno, text))
            return node
        statements: list[ast.stmt] = []
        for form in filter(None, forms):
            statements.append(ast.copy_location(form.recorded(len(self.forms)), node))
            self.forms.append(form)
        return statements

    def _form(self, test: ast.expr, line: int, text: str) -> Form | None:
        if isinstance(test, ast.Call):
            form = _of_call(test, line, text)
        elif isinstance(test, ast.Compare):
            form = _of_comparison(test, line, text)
        else:
            form = None
        if form and form.kind == "between" and isinstance(form.a, ast.Name) and not form.low:
            known = self._differences[-1].get(form.a.id)
            if known is not None and (sides := _difference(known)):
                # err = abs(a - b); assert err < tolerance
                name = form.a.id
                a, b = (ast.Name(_hidden(f"{name}_{side}"), ast.Load()) for side in "ab")
                atol = _times(form.high, _divisor(known))
                via = (name, *sides)
                return replace(form, kind="near", a=a, b=b, high=None, atol=atol, via=via)
        return form


def read(source: str) -> tuple[ast.Module, Reading]:
    """Return a module's tree with the recorder in the place of each form, and what was read."""
    reading = Reading()
    tree = reading.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), reading


def function_named(tree: ast.Module, names: list[str]) -> ast.FunctionDef | None:
    """Return the function of a test by the parts of its node id, a class before a method."""
    body: list[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for name in names:
        found = next(
            (
                node
                for node in body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and node.name == name
            ),
            None,
        )
        if found is None:
            return None
        body = found.body
    return found if isinstance(found, ast.FunctionDef) else None


def _differences(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return what stands in abs(…) for each name that is assigned once, as abs(a - b)."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        assigned.setdefault(name.id, []).append(node.value)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            assigned.setdefault(node.target.id, []).extend([node.value] * 2)
    return {
        name: copy.deepcopy(values[0])  # the tree is changed where it is read
        for name, values in assigned.items()
        if len(values) == 1 and _difference(values[0])
    }


def _hidden(name: str) -> str:
    return f"_weigh_{name}"


def _kept(name: str, value: ast.expr) -> ast.Assign:
    return ast.fix_missing_locations(
        ast.copy_location(ast.Assign([ast.Name(_hidden(name), ast.Store())], value), value)
    )


def _put(tree: ast.expr, old: ast.expr, new: ast.expr) -> Any:
    """Return an expression with one of its parts, itself and no equal one, replaced by a name."""

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if node is old:
                assert isinstance(new, ast.Name)
                return ast.copy_location(ast.Name(new.id, ast.Load()), old)
            return self.generic_visit(node)

    return Put().visit(tree)


def _conjuncts(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from _conjuncts(part)
    else:
        yield test


def name_of(function: ast.expr) -> str:
    """Return the last part of a dotted name; "" for anything else."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _unwrapped(node: ast.expr) -> ast.expr:
    """Return what stands within max(…), float(…), np.all(…), (…).all(), (…).item()."""
    while isinstance(node, ast.Call) and name_of(node.func) in _SUMMED:
        method = isinstance(node.func, ast.Attribute) and not node.args
        if method:
            assert isinstance(node.func, ast.Attribute)
            node = node.func.value
        elif len(node.args) == 1 and not node.keywords:
            node = node.args[0]
        else:
            break
    return node


def _difference(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Return a and b of abs(a - b), of abs(a - b) / c and of abs(a), where b is 0; else None."""
    node = _unwrapped(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        node = _unwrapped(node.left)
    if not isinstance(node, ast.Call) or name_of(node.func) not in _ABSOLUTE:
        return None
    inner = node.args[0] if len(node.args) == 1 else None
    if not node.args and isinstance(node.func, ast.Attribute):  # (a - b).abs()
        inner = node.func.value
    if inner is None:
        return None
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
        return inner.left, inner.right
    return inner, ast.copy_location(ast.Constant(0.0), inner)


def _divisor(node: ast.expr) -> ast.expr | None:
    """Return |c| of abs(a - b) / c; None where there is none."""
    node = _unwrapped(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        if isinstance(node.right, ast.Constant):
            return node.right
        return ast.Call(ast.Name("abs", ast.Load()), [node.right], [])
    return None


def _times(tolerance: ast.expr | None, factor: ast.expr | None) -> ast.expr | None:
    if tolerance is None or factor is None:
        return tolerance
    return ast.BinOp(tolerance, ast.Mult(), factor)


def is_constant(node: ast.expr) -> bool:
    """Tell whether an expression is made of numbers alone."""
    parts = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.Tuple, ast.List)
    return all(isinstance(part, (*parts, ast.expr_context)) for part in ast.walk(node))


_LESS = (ast.Lt, ast.LtE)
_GREATER = (ast.Gt, ast.GtE)


def _of_comparison(test: ast.Compare, line: int, text: str) -> Form | None:
    parts = [test.left, *test.comparators]
    operators = list(test.ops)
    if all(isinstance(operator, _GREATER) for operator in operators):
        parts.reverse()
        operators.reverse()
    elif len(parts) == 2 and isinstance(operators[0], ast.Eq):
        return _of_approx(parts, line, text)
    elif len(parts) == 2 and isinstance(operators[0], ast.In):
        return _of_range(parts, line, text)
    elif not all(isinstance(operator, _LESS) for operator in operators):
        return None
    ends = [isinstance(operator, ast.Lt | ast.Gt) for operator in operators]
    strict = (ends[0], ends[-1])
    if len(parts) == 3:
        return Form(line, text, "between", parts[1], low=parts[0], high=parts[2], strict=strict)
    if len(parts) != 2:
        return None
    smaller, larger = (_unwrapped(part) for part in parts)
    if sides := _difference(smaller):
        a, b = sides
        atol = _times(larger, _divisor(smaller))
        return Form(line, text, "near", a, b, strict=strict, atol=atol)
    if is_constant(smaller) and not is_constant(larger):
        kind: Kind = "pvalue" if _is_p_value(larger) else "between"
        return Form(line, text, kind, parts[1], low=parts[0], strict=strict)
    if _is_p_value(larger):  # pvalue > alpha
        return Form(line, text, "pvalue", parts[1], low=parts[0], strict=strict)
    return Form(line, text, "between", parts[0], high=parts[1], strict=strict)


def _is_p_value(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value == 1 and isinstance(node.value, ast.Call)
    return bool(_P_VALUE.search(name_of(node)))


def _of_range(parts: list[ast.expr], line: int, text: str) -> Form | None:
    """Return the form of `x in range(low, high)`, a count in a band."""
    value, band = parts
    if not isinstance(band, ast.Call) or name_of(band.func) != "range" or len(band.args) != 2:
        return None
    low, high = band.args
    last = ast.BinOp(high, ast.Sub(), ast.Constant(1))
    return Form(line, text, "between", value, low=low, high=last)


def _of_approx(parts: list[ast.expr], line: int, text: str) -> Form | None:
    """Return the form of `a == pytest.approx(b, rel=, abs=)`."""
    for value, other in (parts, reversed(parts)):
        if isinstance(other, ast.Call) and name_of(other.func) == "approx" and other.args:
            given = _arguments(other, ("expected", "rel", "abs"))
            rtol, atol = given.get("rel"), given.get("abs")
            if rtol is None and atol is not None:
                return Form(line, text, "near", value, given["expected"], atol=atol)
            return Form(
                line,
                text,
                "near",
                value,
                given["expected"],
                rule="approx",
                atol=atol or ast.Constant(1e-12),
                rtol=rtol or ast.Constant(1e-6),
            )
    return None


def _arguments(call: ast.Call, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """Return the arguments of a call by name, as its signature orders them."""
    given = dict(zip(names, call.args, strict=False))
    return given | {word.arg: word.value for word in call.keywords if word.arg}


_CLOSE: dict[str, tuple[tuple[str, ...], Rule, float | None, float | None]] = {
    # name: arguments in order, rule, default rtol, default atol
    "assert_allclose": (("a", "b", "rtol", "atol"), "allclose", 1e-7, 0.0),
    "allclose": (("a", "b", "rtol", "atol"), "allclose", 1e-5, 1e-8),
    "assert_close": (("a", "b"), "dtype", None, None),
    "isclose": (("a", "b", "rtol", "atol"), "allclose", 1e-5, 1e-8),
}
_NAMES = {"actual": "a", "desired": "b", "expected": "b", "first": "a", "second": "b", "input": "a"}
_NAMES |= {"other": "b", "y": "b", "x": "a", "rel_tol": "rtol", "abs_tol": "atol"}
_DECIMALS = {
    "assert_almost_equal": 7,
    "assert_array_almost_equal": 6,
    "assertAlmostEqual": 7,
}
_ORDERED = {"assertLess", "assertLessEqual", "assertGreater", "assertGreaterEqual"}


def _asserts(call: ast.Call) -> bool:
    """Tell whether a call as a statement is an assertion."""
    name = name_of(call.func)
    return name in _DECIMALS or name in _ORDERED or name in ("assertTrue", *_CLOSE)


def _of_call(call: ast.Call, line: int, text: str) -> Form | None:
    name = name_of(call.func)
    if name in ("all", "assertTrue"):  # np.all(abs(a - b) < tol), (abs(a - b) < tol).all()
        inner = _unwrapped(call) if name == "all" else call.args[0]
        if isinstance(inner, ast.Compare):
            return _of_comparison(inner, line, text)
        return _of_call(inner, line, text) if isinstance(inner, ast.Call) else None
    if name in _ORDERED and len(call.args) >= 2:
        operators = {"Less": ast.Lt(), "LessEqual": ast.LtE(), "Greater": ast.Gt()}
        operator = operators.get(name.removeprefix("assert"), ast.GtE())
        return _of_comparison(ast.Compare(call.args[0], [operator], [call.args[1]]), line, text)
    if name in _DECIMALS:
        return _of_decimals(call, line, text)
    if name not in _CLOSE:
        return None
    order, rule, rtol, atol = _CLOSE[name]
    in_math = name == "isclose" and ast.unparse(call.func) in ("math.isclose", "isclose")
    if in_math:  # its tolerances are keywords
        order, rule, rtol, atol = ("a", "b"), "isclose", 1e-9, 0.0
    given = {_NAMES.get(key, key): value for key, value in _arguments(call, order).items()}
    if "a" not in given or "b" not in given:
        return None
    if rule == "dtype" and given.get("rtol") and given.get("atol"):
        rule = "allclose"
    return Form(
        line,
        text,
        "near",
        given["a"],
        given["b"],
        rule=rule,
        rtol=given.get("rtol") or (None if rtol is None else ast.Constant(rtol)),
        atol=given.get("atol") or (None if atol is None else ast.Constant(atol)),
    )


def _of_decimals(call: ast.Call, line: int, text: str) -> Form | None:
    """Return the form of a comparison to so many decimals, or within `delta=`."""
    name = name_of(call.func)
    unittest = name == "assertAlmostEqual"
    given = _arguments(call, ("a", "b", "places" if unittest else "decimal"))
    given = {_NAMES.get(key, key): value for key, value in given.items()}
    if "a" not in given or "b" not in given:
        return None
    if delta := given.get("delta"):
        return Form(line, text, "near", given["a"], given["b"], atol=delta)
    places = given.get("places" if unittest else "decimal") or ast.Constant(_DECIMALS[name])
    if not isinstance(places, ast.Constant) or not isinstance(places.value, int):
        return None
    unit = 0.5 if unittest else 1.5
    atol = ast.Constant(float(f"{unit * 10.0**-places.value:.6g}"))
    return Form(line, text, "near", given["a"], given["b"], strict=(not unittest,) * 2, atol=atol)
