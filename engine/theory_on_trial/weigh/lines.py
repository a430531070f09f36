"""Questions to lines of a test and changes of them: which names they write, and the same lines with
a generator `rng` in the place of their seeds.
"""

import ast
import copy
from typing import TypeVar

from theory_on_trial.weigh.reading import name_of

SEED = "int(rng.integers(2**31))"
"""What stands in a new form where a seed stood."""
_LEGACY = {"rand": "random", "random_sample": "random", "ranf": "random", "sample": "random"}
_LEGACY |= {"randn": "standard_normal", "randint": "integers"}
_KEYWORDS = {"seed", "random_state", "random_seed", "rng_seed"}

Node = TypeVar("Node", bound=ast.AST)


def made_by(function: ast.AST, maker: str) -> set[str]:
    """Return the names that a function gives to what a call of `maker` returns."""
    return {
        target_of(node)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and name_of(node.value.func) == maker
        and target_of(node)
    }


def made_outside(module: ast.Module) -> set[str]:
    """Return the generators that a module makes at its top, and, as `self.NAME`, in its classes."""
    outside = (node for node in module.body if isinstance(node, ast.Assign))
    found = {name for node in outside for name in made_by(node, "default_rng")}
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Attribute(ast.Name("self"), name)], value=ast.Call(maker)):
                if name_of(maker) == "default_rng":
                    found.add(f"self.{name}")
    return found


def target_of(node: ast.AST) -> str:
    """Return the name of a simple assignment; "" for anything else."""
    match node:
        case ast.Assign(targets=[ast.Name(name)]):
            return str(name)
    return ""


def names_in(node: ast.AST) -> set[str]:
    """Return the names that stand in code."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def stored_in(node: ast.AST) -> list[str]:
    """Return the names that a statement writes, each as often as it does."""
    return [
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    ]


def asserts_at(node: ast.AST, lines: set[int]) -> bool:
    """Tell whether a statement is one of the assertions that stand at some lines."""
    return isinstance(node, ast.Assert | ast.Expr) and node.lineno in lines


def mutable(node: ast.AST) -> bool:
    """Tell whether an assignment makes an array or a list that later lines may fill."""
    value = node.value if isinstance(node, ast.Assign) else None
    if isinstance(value, ast.List | ast.Dict | ast.Set):
        return True
    return isinstance(value, ast.Call) and name_of(value.func) in ("zeros", "empty", "list", "dict")


def needed_for(steps: list[ast.stmt], value: ast.expr) -> list[ast.stmt]:
    """Return the steps without simple assignments to names that nothing uses afterwards."""
    kept: list[ast.stmt] = []
    used = names_in(value)
    for step in reversed(steps):
        name = step.name if isinstance(step, ast.FunctionDef) else target_of(step)
        if name and name not in used:
            continue
        kept.insert(0, step)
        used |= names_in(step)
    return kept


def put_name(tree: Node, name: str, value: ast.expr) -> Node:
    """Return code with an expression in the place of a name."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return copy.deepcopy(value) if node.id == name else node

    put: Node = Put().visit(copy.deepcopy(tree))
    return put


def unseeded(tree: Node, generators: set[str], keys: set[str]) -> Node:
    """Return code in which generators are `rng`, keys are `key`, seeds are drawn from `rng`, and
    draws from NumPy's global generator are draws from `rng`.
    """

    class Renamed(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id in generators | keys:
                return ast.Name("rng" if node.id in generators else "key", node.ctx)
            return node

        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            if ast.unparse(node) in generators:
                return ast.Name("rng", node.ctx)
            return self.generic_visit(node)

        def visit_keyword(self, node: ast.keyword) -> ast.AST:
            self.generic_visit(node)
            if node.arg in _KEYWORDS and isinstance(node.value, ast.Constant | ast.Name):
                node.value = ast.parse(SEED, mode="eval").body
            return node

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            dotted = ast.unparse(node.func)
            name = name_of(node.func)
            if name == "default_rng":
                return ast.Name("rng", ast.Load())
            if name in ("key", "PRNGKey") and "random" in dotted:
                return ast.Name("key", ast.Load())
            if name in ("RandomState", "Random", "PCG64", "manual_seed"):
                node.args = [ast.parse(SEED, mode="eval").body]
                node.keywords = []
            elif dotted in (f"np.random.{name}", f"numpy.random.{name}") and name.islower():
                return _of_generator(node, _LEGACY.get(name, name))
            return node

    renamed: Node = Renamed().visit(copy.deepcopy(tree))
    return renamed


def reseeded(tree: Node, seeds: frozenset[int]) -> Node:
    """Return code in which arguments and assigned numbers that were seeds are drawn from `rng`."""
    drawn = ast.parse(SEED, mode="eval").body

    def is_seed(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and type(node.value) is int and node.value in seeds

    class Reseeded(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            node.args = [drawn if is_seed(each) else each for each in node.args]
            return node

        def visit_Assign(self, node: ast.Assign) -> ast.AST:
            self.generic_visit(node)
            if is_seed(node.value):
                node.value = drawn
            return node

    reseeded: Node = Reseeded().visit(copy.deepcopy(tree))
    return reseeded


def _of_generator(node: ast.Call, name: str) -> ast.Call:
    """Return a draw from NumPy's global generator as one from `rng`."""
    legacy = name_of(node.func)
    arguments = list(node.args)
    if legacy in ("rand", "randn") and len(arguments) > 1:  # they take a shape as arguments
        arguments = [ast.Tuple(arguments, ast.Load())]
    function = ast.Attribute(ast.Name("rng", ast.Load()), name, ast.Load())
    return ast.Call(function, arguments, node.keywords)


def with_size(value: ast.expr, size: int, names: set[str], times: int) -> ast.expr | None:
    """Return an expression of `size` samples as one of n; None unless the size, or one of the names
    that stand for it, stands in it so many times.
    """

    def is_size(node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return type(node.value) is int and node.value == size
        return isinstance(node, ast.Name) and node.id in names

    class Sized(ast.NodeTransformer):
        count = 0

        def visit(self, node: ast.AST) -> ast.AST:
            if not is_size(node):
                return self.generic_visit(node)
            self.count += 1
            return ast.Name("n", ast.Load())

    transformer = Sized()
    sized: Any = transformer.visit(copy.deepcopy(value))
    return sized if transformer.count == times else None
