"""The decoder of LlamaGen's tokenizer as plain PyTorch layers, run eagerly.

Random weights, pixels that lie channels last: what PyTorch is fastest with.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.serve import num_cores, serve


def norm(channels):
    return nn.GroupNorm(min(32, channels), channels, 1e-6)


def conv(before, after, size=3):
    return nn.Conv2d(before, after, size, padding=size // 2)


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.norms = nn.ModuleList([norm(before), norm(after)])
        self.convs = nn.ModuleList([conv(before, after), conv(after, after)])
        same = before == after
        self.shortcut = nn.Identity() if same else conv(before, after, 1)

    def forward(self, x):
        y = x
        for layer, convolution in zip(self.norms, self.convs, strict=True):
            y = convolution(functional.silu(layer(y), inplace=True))
        return y + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels)
        self.qkv = conv(channels, 3 * channels, 1)
        self.output = conv(channels, channels, 1)

    def forward(self, x):
        qkv = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)
        y = functional.scaled_dot_product_attention(*qkv.chunk(3, dim=-1))
        return x + self.output(y.transpose(1, 2).reshape(x.shape))


def decoder(hidden, multipliers, latent, code):
    filters = hidden * multipliers[-1]
    parts = [conv(code, latent, 1), conv(latent, filters)]
    parts += [Block(filters, filters), Attention(filters)]
    parts += [Block(filters, filters)]
    for level in reversed(range(len(multipliers))):
        for _ in range(3):
            parts.append(Block(filters, hidden * multipliers[level]))
            filters = hidden * multipliers[level]
            if level == len(multipliers) - 1:
                parts.append(Attention(filters))
        if level:
            parts += [nn.Upsample(scale_factor=2), conv(filters, filters)]
    return nn.Sequential(*parts, norm(filters), nn.SiLU(), conv(filters, 3))


def prepare(case):
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    sizes = case["channels"], case["multipliers"], case["latent"], case["code"]
    model = decoder(*sizes).eval().to(memory_format=torch.channels_last)
    codes = nn.Embedding(case["vocabulary"], case["code"])
    shape = case["batch"], *case["grid"]

    @torch.inference_mode()
    def run(request):
        x = codes(torch.randint(case["vocabulary"], shape)).permute(0, 3, 1, 2)
        x = model(x.contiguous(memory_format=torch.channels_last))
        ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8)

    return run, {"parameters": sum(x.numel() for x in model.parameters())}


if __name__ == "__main__":
    serve(prepare)
