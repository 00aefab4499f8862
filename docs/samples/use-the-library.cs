#!/usr/bin/env dotnet
#:project ../../gpu-worker/Diffusion/LLaDA.Diffusion.csproj
#:property PublishAot=false

// Fills a text without any service, and shows what the model does: the masks, step by step, and how sure it was.
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

string folder = args is [var named] ? named : "gpu-worker/models/llada-tiny-base";
using var model = Checkpoint.Load(folder);
using var sampler = new Sampler(model);
var tokenizer = new LLaDATokenizer(folder);

int mask = model.Config.MaskTokenId;
int[] canvas =
[
    .. tokenizer.Encode("In the beginning"), mask, mask, mask, .. tokenizer.Encode(" the heaven and the"), mask, .. tokenizer.Encode("."),
];
sampler.Sample([new SamplingRow(canvas, new SamplingOptions()) { OnStep = Show }]);

void Show(DenoisingProgress progress) =>
    Console.WriteLine(string.Concat(progress.Canvas.Select(id => id == mask ? " ░" : tokenizer.Decode([id]))));

// A whole document with gaps takes one call.
using var infiller = new Infiller(sampler, tokenizer);
var filled = infiller.Fill("And God said unto [MASK:1], Go forth into the [MASK:1] of thy fathers.");
Console.WriteLine(filled.Text);
foreach (var span in filled.Spans)
    Console.WriteLine($"gap {span.Index}:{span.Text}, {span.Confidence:P0} sure");
