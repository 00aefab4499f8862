#!/usr/bin/env dotnet
#:project ../../client/LLaDA.Batch.Client.csproj
#:property PublishAot=false

// Trains a model to send messages of customers to the right team, and asks about new messages before and after.
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.FineTuning;

if (args is not [var examples, .. var rest])
{
    Console.Error.WriteLine("Name a file of examples, such as docs/samples/messages.jsonl, and how often to pass over it (20 by default).");
    return 2;
}
int epochs = rest is [var text] ? int.Parse(text) : 20;
const string before = "llada-tiny-base";

// None of these stands in the examples. The team is the most probable end of the line.
(string Message, string Team)[] questions =
[
    ("My card was charged two times.", " billing"),
    ("Please send me the invoice again.", " billing"),
    ("The parcel never arrived.", " delivery"),
    ("When will my order be delivered?", " delivery"),
    ("I want my money back for the wrong shirt.", " returns"),
    ("I want to send back the coat.", " returns"),
    ("I forgot my password.", " account"),
    ("How do I close my account?", " account"),
];
string[] teams = [" billing", " delivery", " returns", " account"];

using var client = LLaDAClient.FromEnvironment();
using var content = File.OpenRead(examples);
var file = await client.Files.UploadAsync(content, Path.GetFileName(examples), "fine-tune");
var job = await client.FineTuning.CreateAsync(new FineTuningRequest
{
    Model = before,
    TrainingFile = file.Id,
    Suffix = "teams",
    Seed = 1,
    // All weights and a high rate, since forty lines are few for a small model. With another task begin with the defaults.
    Method = new { type = "supervised", supervised = new { hyperparameters = new { n_epochs = epochs, learning_rate_multiplier = 8 } } },
});
job = await client.FineTuning.WaitAsync(job.Id, onEvent: reported => Console.WriteLine(reported.Message));
if (job.FineTunedModel is not { } after)
{
    Console.Error.WriteLine($"The job is {job.Status}: {job.Error?.Message}");
    return 1;
}

// Requests that wait together share the passes of the model.
string[] untrained = await Task.WhenAll(questions.Select(question => TeamAsync(before, question.Message)));
string[] trained = await Task.WhenAll(questions.Select(question => TeamAsync(after, question.Message)));
foreach (var (index, (message, _)) in questions.Index())
    Console.WriteLine($"{message} ->{trained[index]} (before:{untrained[index]})");
int rightBefore = NumRight(untrained), rightAfter = NumRight(trained);
Console.WriteLine($"{rightBefore} of {questions.Length} right before, {rightAfter} after");
if (rightAfter <= rightBefore)
    Console.Error.WriteLine("The training taught nothing that these messages show: more passes, or more examples, may.");
return 0;

int NumRight(string[] answers) => questions.Zip(answers).Count(pair => pair.First.Team == pair.Second);

async Task<string> TeamAsync(string model, string message)
{
    var answer = await client.ScoreAsync(
        new ScoreRequest { Model = model, Prompt = $"{message} Team:", Completions = teams, NumSamples = 16, Seed = 1 });
    return teams[answer.Best];
}
