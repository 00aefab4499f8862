#!/usr/bin/env dotnet
#:project ../../client/LLaDA.Batch.Client.csproj
#:property PublishAot=false

// Judges a model by multiple choice: of several ends of a text, the one with the highest likelihood is its answer.
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;

// The first end of each is the right one.
(string Beginning, string[] Ends)[] questions =
[
    ("In the beginning God created the", [" heaven and the earth.", " table and the chair.", " horse and the rider."]),
    ("And God said, Let there be", [" light: and there was light.", " supper: and there was bread.", " peace: and there was war."]),
    ("armlike (adj): resembling an", [" arm.", " egg.", " idea."]),
    ("southerly (adv): toward the", [" south.", " table.", " king."]),
    ("livestock (noun): any animals kept for", [" use or profit.", " ever and ever.", " the first time."]),
];

using var client = LLaDAClient.FromEnvironment();
string model = (await client.ListModelsAsync().FirstAsync()).Id;
int numRight = 0;
foreach (var (beginning, ends) in questions)
{
    var answer = await client.ScoreAsync(
        new ScoreRequest { Model = model, Prompt = beginning, Completions = ends, NumSamples = 32, Seed = 1 });

    // Ends differ in length, so they are compared by their mean per byte.
    var best = answer.Scores.MaxBy(score => score.LogLikelihood / score.Bytes)!;
    numRight += best.Index == 0 ? 1 : 0;
    Console.WriteLine($"{(best.Index == 0 ? "right" : "wrong")}  {beginning}{ends[best.Index]}");
}
Console.WriteLine($"{numRight} of {questions.Length} right");
