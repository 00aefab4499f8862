#!/usr/bin/env dotnet
#:project ../../client/LLaDA.Batch.Client.csproj
#:property PublishAot=false

// Trains a model to send messages of customers to the right team, and asks the result about new messages.
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.FineTuning;

if (args is not [var examples, .. var rest])
{
    Console.Error.WriteLine("Name a file of examples, such as docs/samples/messages.jsonl, and how often to pass over it (12 by default).");
    return 2;
}
int epochs = rest is [var text] ? int.Parse(text) : 12;

using var client = LLaDAClient.FromEnvironment();
using var content = File.OpenRead(examples);
var file = await client.Files.UploadAsync(content, Path.GetFileName(examples), "fine-tune");
var job = await client.FineTuning.CreateAsync(new FineTuningRequest
{
    Model = "llada-tiny-base",
    TrainingFile = file.Id,
    Suffix = "teams",
    Method = new { type = "supervised", supervised = new { hyperparameters = new { n_epochs = epochs, lora = new { rank = 16 } } } },
});
job = await client.FineTuning.WaitAsync(job.Id, onEvent: reported => Console.WriteLine(reported.Message));
if (job.FineTunedModel is not { } model)
{
    Console.Error.WriteLine($"The job is {job.Status}: {job.Error?.Message}");
    return 1;
}

// None of these stands in the examples. The team is the most probable end of the line.
string[] teams = [" billing", " delivery", " returns", " account"];
foreach (string message in new[] { "My card was charged two times.", "The parcel never arrived.", "I forgot my password." })
{
    var answer = await client.ScoreAsync(
        new ScoreRequest { Model = model, Prompt = $"{message} Team:", Completions = teams, NumSamples = 16, Seed = 1 });
    Console.WriteLine($"{message} ->{teams[answer.Best]}");
}
return 0;
