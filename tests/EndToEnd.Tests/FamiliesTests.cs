using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.EndToEnd.Tests.Snippets;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>
/// A tiny model of each family in the whole service: it is added, asked at once, given a batch, fine-tuned, and its result asked.
/// </summary>
public sealed class FamiliesTests(StackFixture fixture) : IDisposable
{
    private const string Examples = """
        {"prompt": "the quick", "completion": "brown fox"}
        {"prompt": "the lazy", "completion": "brown dog"}
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3), s_interval = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http = new() { BaseAddress = new Uri(fixture.Stack.Address) };

    public static TheoryData<string> Families => [.. TinyFamilies.Names];

    public void Dispose() => _http.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public async Task A_model_of_each_family_is_added_asked_and_fine_tuned(string family)
    {
        string tenant = "family-" + family.ToLowerInvariant();
        await AddModelAsync(family, tenant);
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.Stack.ConnectionString });
        string key = await new ApiKeys(storage, TimeProvider.System).CreateAsync(tenant, "test", CancellationToken.None);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

        var chat = await PostAsync(
            "/v1/chat/completions",
            new { model = family, messages = new[] { new { role = "user", content = "the fox" } }, max_tokens = 8 });
        var score = await PostAsync(
            "/v1/score", new { model = family, prompt = "the quick", completions = new[] { " brown fox", " dog" }, num_samples = 2 });
        var batch = await Batches.RunAsync(
            _http, "/v1/infill",
            Batches.Line("a", "/v1/infill", new() { ["model"] = family, ["text"] = "the [MASK:2] fox jumps" }),
            Batches.Line("b", "/v1/infill", new() { ["model"] = family, ["text"] = "the lazy [MASK:1]" }));
        string tuned = await FineTunedAsync(family);
        var answer = await PostAsync("/v1/completions", new { model = tuned, prompt = "the quick", max_tokens = 4 });

        Assert.Equal(family, (string)chat["model"]!);
        Assert.Equal(2, score["scores"]!.AsArray().Count);
        Assert.Equal(("completed", 2), ((string)batch["status"]!, (int)batch["request_counts"]!["completed"]!));
        Assert.Equal(tuned, (string)answer["model"]!);
        Assert.InRange((int)answer["usage"]!["completion_tokens"]!, 1, 4);     // fewer where it ended the text
    }

    private async Task AddModelAsync(string family, string tenant)
    {
        string folder = TinyFamilies.Create(family);
        try
        {
            using var process = Process.Start(new ProcessStartInfo(BuiltProgram.DotNet,
            [
                "exec", BuiltProgram.CommandLine, "admin", "models", "add", Path.Combine(folder, TinyModel.Id), "--name", family,
                "--tenant", tenant, "--connection-string", fixture.Stack.ConnectionString,
            ])
            { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEndAsync();
            string error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, error + await output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <returns>The model that the job made.</returns>
    private async Task<string> FineTunedAsync(string model)
    {
        string file = await Batches.UploadAsync(_http, Examples, "fine-tune");
        var hyperparameters = new { n_epochs = 1, batch_size = 2, lora = new { rank = 2 } };
        var job = await PostAsync("/v1/fine_tuning/jobs", new { model, training_file = file, hyperparameters });
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while ((string)job["status"]! is not ("succeeded" or "failed") && await timer.WaitForNextTickAsync(limit.Token))
            job = await Batches.GetAsync(_http, $"/v1/fine_tuning/jobs/{job["id"]}");
        Assert.True((string)job["status"]! == "succeeded", job.ToJsonString());
        return (string)job["fine_tuned_model"]!;
    }

    private async Task<JsonNode> PostAsync(string path, object body)
    {
        using var response = await _http.PostAsJsonAsync(path, body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
