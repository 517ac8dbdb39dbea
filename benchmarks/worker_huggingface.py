"""`ImageGPTForCausalImageModeling` of transformers, on PyTorch."""

import torch
import transformers

from benchmarks.serve import num_cores, serve


def prepare(case):
    torch.set_num_threads(num_cores())
    torch.manual_seed(0)
    model = build(case)
    run = {"decode": decoder, "fit": fitter}[case["job"]]
    weights = sum(p.nbytes for p in model.parameters())
    table = model.transformer.wte.weight.nbytes
    places = model.transformer.wpe.weight.nbytes
    facts = {
        "parameters": model.num_parameters(),
        "bytes_per_token": weights - table - places,
    }
    return run(model, case), facts


def build(case):
    config = transformers.ImageGPTConfig(
        vocab_size=case["vocabulary"] + 1,  # and the start token
        n_positions=case["grid"][0] * case["grid"][1],
        n_embd=case["width"],
        n_layer=case["layers"],
        n_head=case["heads"],
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return transformers.ImageGPTForCausalImageModeling(config)


def started(tokens, case):
    """Tokens with the start token in front."""
    start = torch.full((case["batch"], 1), case["vocabulary"])
    return torch.cat([start, tokens], dim=1)


def decoder(model, case):
    """Decodes `tokens` tokens after the start and `prefix` known ones."""
    model.eval()

    def run(request):
        torch.manual_seed(request["seed"])
        shape = (case["batch"], request["prefix"])
        prompt = started(torch.randint(case["vocabulary"], shape), case)
        with torch.inference_mode():
            sequence = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                top_k=case["top_k"],
                max_new_tokens=request["tokens"],
                eos_token_id=None,
                use_cache=True,
            )
        written = sequence.shape[1] - prompt.shape[1]
        if written != request["tokens"]:
            raise RuntimeError(f"generate() stopped after {written} tokens.")

    return run


def fitter(model, case):
    """Trains `steps` steps on random tokens, with the Trainer's AdamW."""
    model.train()
    length = case["grid"][0] * case["grid"][1]
    shape = (case["steps"], case["batch"], length)
    batches = torch.randint(case["vocabulary"], shape)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    forward = torch.compile(model) if case.get("compile") else model
    narrow = case["precision"] == "mixed_bfloat16"

    def run(request):
        for tokens in batches:
            inputs = started(tokens[:, :-1], case)
            with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                logits = forward(inputs, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1).float(), tokens.flatten()
            )
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()

    return run


if __name__ == "__main__":
    serve(prepare)
