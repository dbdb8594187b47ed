"""Which module of a model reads which one's answer, as far as torch.fx can follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _ConvTracer(fx.Tracer):
    """Sees convolutions and batch norms whole, those of other libraries too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d | _BatchNorm) or super().is_leaf_module(
            m, module_qualified_name
        )


class Part:
    """A piece of a model whose calls are known; full names are `prefix` and the name within it."""

    def __init__(self, prefix: str, module: nn.Module, graph: fx.Graph) -> None:
        self.prefix, self.module, self.graph = prefix, module, graph
        self._modules: dict[str, nn.Module] = dict(module.named_modules(remove_duplicate=False))
        self._uses = Counter(id(self.called(node)) for node in self.calls())

    def calls(self) -> Iterator[fx.Node]:
        """Calls of modules, in order."""
        return (node for node in self.graph.nodes if node.op == "call_module")

    def called(self, node: fx.Node) -> nn.Module:
        """The module of a call, as it was when the part was traced."""
        return self._modules[str(node.target)]

    def uses(self, module: nn.Module) -> int:
        """How often the part calls the module."""
        return self._uses[id(module)]

    def sole_source(self, node: fx.Node) -> fx.Node | None:
        """The call of a module whose answer this call, and nothing else, reads."""
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module":
            return None
        return source if len(source.users) == 1 else None


def traced_parts(module: nn.Module, prefix: str = "") -> Iterator[Part]:
    """The whole model if it can be traced; else its children, each as far as that goes."""
    if isinstance(module, nn.Conv2d | _BatchNorm):
        return
    try:
        graph = _ConvTracer().trace(module)
    except Exception:  # control flow on values raises whatever the model's own code raises
        for name, child in module.named_children():
            yield from traced_parts(child, f"{prefix}{name}.")
    else:
        yield Part(prefix, module, graph)
