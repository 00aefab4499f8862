using System.Diagnostics;
using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>OpenAI's own client for Node, unmodified: answers at once, uploads and batches.</summary>
public sealed class OpenAINodeClientTests(StackFixture fixture)
{
    private const long NeededBytes = 50L << 20;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Dialogues_and_completions_are_answered_at_once_with_and_without_a_stream()
    {
        var got = JsonNode.Parse(await RunAsync("answers", "llada-tiny-instruct", "llada-tiny-base"))!;

        string chat = Text(got, "chat");
        Assert.NotEmpty(chat);
        Assert.Equal((chat, chat), (Text(got, "streamed"), Text(got, "helped")));
        Assert.True(got["frames"]!.GetValue<int>() > 0);
        Assert.Contains(Text(got, "finish"), new[] { "stop", "length" });
        Assert.InRange(got["tokens"]!.GetValue<int>(), 1, 24);
        Assert.NotEmpty(Text(got, "completion"));
        Assert.Equal(Text(got, "completion"), Text(got, "continued"));
        Assert.Equal(2, got["atOnce"]!.AsArray().Count);
        Assert.Equal(got["atOnce"]!.ToJsonString(), got["inPieces"]!.ToJsonString());
        Assert.All(got["atOnce"]!.AsArray(), answer =>
            Assert.All(answer![2]!.AsArray(), token => Assert.Equal(2, token!["top_logprobs"]!.AsArray().Count)));
        Assert.Equal(400, got["status"]!.GetValue<int>());
        Assert.Contains("temperature", Text(got, "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_at_once_and_in_parts_become_batches_with_the_same_answers()
    {
        var got = JsonNode.Parse(await RunAsync("batches", "llada-tiny-base"))!;

        Assert.Equal(("completed", true), (Text(got, "upload"), got["sameBytes"]!.GetValue<bool>()));
        Assert.Equal(["completed", "completed"], Texts(got["status"]!));
        Assert.Equal(["a", "b"], Texts(got["ids"]!));
        Assert.All(Texts(got["texts"]![0]!), Assert.NotEmpty);
        Assert.Equal(Texts(got["texts"]![0]!), Texts(got["texts"]![1]!));
        Assert.Equal("""{"total":2,"completed":2,"failed":0}""", got["counts"]!.ToJsonString());
        Assert.True(got["listed"]!.GetValue<bool>());
        Assert.Equal(("not_cancellable", true), (Text(got, "code"), got["deleted"]!.GetValue<bool>()));
    }

    private static IEnumerable<string> Texts(JsonNode array) => array.AsArray().Select(text => text!.GetValue<string>());

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();

    /// <param name="name">Of the script.</param>
    private async Task<string> RunAsync(string name, params string[] arguments)
    {
        using var limit = new CancellationTokenSource(s_limit);
        string source = Path.Combine(AppContext.BaseDirectory, "node");
        string installed = await NpmPackage.EnsureAsync("openai", source, NeededBytes, _ => { }, limit.Token);
        // The script finds its packages beside itself, and the installed copy may be of an older script.
        string script = Path.Combine(installed, $"{name}-{Guid.NewGuid():N}.mjs");
        File.Copy(Path.Combine(source, $"{name}.mjs"), script);
        try
        {
            var start = new ProcessStartInfo("node", [script, .. arguments])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["OPENAI_BASE_URL"] = fixture.Stack.Address + "/v1";
            start.Environment["OPENAI_API_KEY"] = fixture.Stack.ApiKey;
            using var node = Process.Start(start)!;
            var errors = node.StandardError.ReadToEndAsync(limit.Token);
            string output = await node.StandardOutput.ReadToEndAsync(limit.Token);
            await node.WaitForExitAsync(limit.Token);
            Assert.True(node.ExitCode == 0, await errors);
            return output;
        }
        finally
        {
            File.Delete(script);
        }
    }
}
