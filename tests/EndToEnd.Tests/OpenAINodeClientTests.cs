using System.Diagnostics;
using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>OpenAI's own client for Node asks for answers at once, unmodified.</summary>
public sealed class OpenAINodeClientTests(StackFixture fixture)
{
    private const long NeededBytes = 50L << 20;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Dialogues_and_completions_are_answered_at_once_with_and_without_a_stream()
    {
        var got = JsonNode.Parse(await RunAsync("llada-tiny-instruct", "llada-tiny-base"))!;

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

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();

    private async Task<string> RunAsync(params string[] arguments)
    {
        using var limit = new CancellationTokenSource(s_limit);
        string source = Path.Combine(AppContext.BaseDirectory, "node");
        string installed = await NpmPackage.EnsureAsync("openai", source, NeededBytes, _ => { }, limit.Token);
        // The script finds its packages beside itself, and the installed copy may be of an older script.
        string script = Path.Combine(installed, $"answers-{Guid.NewGuid():N}.mjs");
        File.Copy(Path.Combine(source, "answers.mjs"), script);
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
