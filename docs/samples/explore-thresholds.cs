#!/usr/bin/env dotnet
#:project ../../gpu-worker/Diffusion/LLaDA.Diffusion.csproj
#:property PublishAot=false

// A notebook in one file: change a line, run it again. How do thresholds trade passes for text?
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

string folder = args is [var named] ? named : "gpu-worker/models/llada-tiny-instruct";
using var model = Checkpoint.Load(folder);
using var sampler = new Sampler(model);
var tokenizer = new LLaDATokenizer(folder);
const int length = 32;

foreach (string question in new[] { "What does livestock mean?", "What is a fox?" })
{
    Console.WriteLine(question);
    var prompt = ChatTemplate.Encode(tokenizer, [new ChatMessage("user", question)]);
    int[] canvas = [.. prompt, .. Enumerable.Repeat(model.Config.MaskTokenId, length)];
    foreach (double? threshold in new double?[] { null, 0.99, 0.9, 0.5 })
    {
        var options = new SamplingOptions { BlockLength = length, Threshold = threshold, StopsAtEos = true };
        var row = sampler.Sample([new SamplingRow(canvas, options)])[0];
        string answer = tokenizer.Decode(row.Tokens[prompt.Count..]).Trim();
        Console.WriteLine($"  {threshold?.ToString() ?? "none",-5} {row.NumForwards,3} passes  {answer}");
    }
}
