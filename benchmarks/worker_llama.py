"""The same arithmetic as LlamaGen's, by Llama of transformers on PyTorch.

Its positions are a line and not a grid, which costs the same.
"""

import torch
import transformers

from benchmarks.serve import num_cores, serve


def prepare(case):
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=case["vocabulary"],
        hidden_size=case["width"],
        intermediate_size=case["inner"],
        num_hidden_layers=case["layers"],
        num_attention_heads=case["heads"],
        max_position_embeddings=case["grid"][0] * case["grid"][1],
        rms_norm_eps=1e-5,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    classes = torch.nn.Embedding(case["classes"] + 1, case["width"])
    cells = case["grid"][0] * case["grid"][1]

    @torch.inference_mode()
    def run(request):
        torch.manual_seed(request["seed"])
        labels = torch.arange(case["batch"])
        nulls = torch.full_like(labels, case["classes"])
        given = {"inputs_embeds": classes(torch.cat([labels, nulls]))[:, None]}
        cache = transformers.DynamicCache()
        for _ in range(cells):
            found = model(**given, past_key_values=cache, use_cache=True)
            logits, null = found.logits[:, -1].float().chunk(2)
            logits = null + case["guidance"] * (logits - null)
            token = torch.multinomial(logits.softmax(-1), 1)
            given = {"input_ids": torch.cat([token, token])}

    return run, {"parameters": model.num_parameters()}


if __name__ == "__main__":
    serve(prepare)
