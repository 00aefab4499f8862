#!/usr/bin/env dotnet
#:project ../../client/LLaDA.Batch.Client.csproj
#:property PublishAot=false

// Fills the gaps of all texts of a folder as one batch, and writes each filled text under its name.
using System.Text;
using System.Text.Json;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;

if (args is not [var drafts, var filled])
{
    Console.Error.WriteLine("Name two folders: one of texts with gaps, and one for the filled texts.");
    return 2;
}

using var client = LLaDAClient.FromEnvironment();
string model = (await client.ListModelsAsync().FirstAsync()).Id;

// One line for each text: its name comes back with its answer.
var lines = Directory.GetFiles(drafts, "*.txt").Select(file => JsonSerializer.Serialize(new
{
    custom_id = Path.GetFileName(file),
    method = "POST",
    url = "/v1/infill",
    body = new { model, text = File.ReadAllText(file) },
}));
using var content = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
var input = await client.Files.UploadAsync(content, "drafts.jsonl", "batch");

var batch = await client.Batches.CreateAsync(new BatchRequest { Endpoint = "/v1/infill", InputFileId = input.Id });
string shown = "";
batch = await client.Batches.WaitAsync(batch.Id, state => Show($"{state.Status}, {state.RequestCounts.Completed} filled"));

Directory.CreateDirectory(filled);
await foreach (var line in client.Batches.ResultsAsync(batch.Id))
{
    if (line.Answer<InfillAnswer>() is { } answer)
        File.WriteAllText(Path.Combine(filled, line.CustomId), answer.Text);
    else
        Console.Error.WriteLine($"{line.CustomId}: {line.Failure}");
}
Console.WriteLine($"{batch.RequestCounts.Completed} of {batch.RequestCounts.Total} texts are in {filled}");
return batch.RequestCounts.Failed == 0 ? 0 : 1;

void Show(string state)
{
    if (state != shown)
        Console.WriteLine(shown = state);
}
