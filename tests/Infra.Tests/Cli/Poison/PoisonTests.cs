using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli.Poison;

/// <summary><c>poison</c>, with messages for a running batch, a failed batch and a running fine-tuning job.</summary>
public sealed class PoisonTests : IAsyncLifetime
{
    private readonly string _connection;
    private readonly StorageAccount _storage;
    private readonly BatchRecord _running = new()
    {
        PartitionKey = "acme",
        Status = BatchStatus.InProgress,
        ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
    };

    private readonly BatchRecord _failed = new()
    {
        PartitionKey = "others",
        Status = BatchStatus.Failed,
        ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
    };

    private readonly FineTuningJobRecord _job = new()
    {
        PartitionKey = "acme",
        RowKey = SortableKey.Create(TimeProvider.System),
        Status = FineTuningStatus.Running,
    };

    public PoisonTests(StorageFixture fixture)
    {
        _connection = fixture.NewConnectionString();
        _storage = new StorageAccount(new StorageOptions { ConnectionString = _connection });
    }

    public async ValueTask InitializeAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile, "a100"], CancellationToken.None);
        var batches = new BatchStore(_storage, TimeProvider.System);
        await batches.AddAsync(_running, inputBytes: 0, CancellationToken.None);
        await batches.AddAsync(_failed, inputBytes: 0, CancellationToken.None);
        await new FineTuningStore(_storage, TimeProvider.System).AddAsync(_job, CancellationToken.None);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_webhook_about_a_job_goes_back_once_the_job_has_ended()
    {
        string webhook = $$"""{"tenant":"acme","endpoint":"e","batch":null,"attempt":0,"job":"{{_job.RowKey}}"}""";
        await SendAsync("webhook-poison", webhook);
        Assert.Equal((0, 1, 0), Counts(await DoneAsync("poison", "redrive", "--queue", "webhook", "--json")));

        await DoneAsync("jobs", "cancel", _job.Id);
        await SendAsync("webhook-poison", webhook);
        Assert.Equal((1, 0, 0), Counts(await DoneAsync("poison", "redrive", "--queue", "webhook", "--json")));
    }

    [Fact]
    public async Task Poison_goes_back_to_its_queue_where_its_job_needs_it_and_is_listed_with_that_job()
    {
        string shard = $$"""{"tenant":"acme","batch":"{{_running.RowKey}}","attempt":"attempt","shard":1}""";
        string unneeded = $$"""{"tenant":"others","batch":"{{_failed.RowKey}}","attempt":"a","shard":0}""";
        await SendAsync("generate-a100-poison", shard, unneeded, """{"tenant":"acme","batch":"gone"}""", "no message", "null");
        await SendAsync("webhook-poison", $$"""{"tenant":"others","endpoint":"e","batch":"{{_failed.RowKey}}","attempt":0}""");
        await SendAsync("train-a100-poison", $$"""{"tenant":"acme","job":"{{_job.RowKey}}"}""");
        await SendAsync("foreign-poison", shard);

        var listed = JsonNode.Parse(await DoneAsync("poison", "list", "--json"))!.AsArray();
        Assert.Equal(7, listed.Count);
        Assert.Equal(
            ["in_progress", "failed", "gone", null, null, "running", "failed"],
            listed.Select(message => message!["state"]?.GetValue<string>()));
        Assert.Equal(_running.Id, listed[0]!["job"]!.GetValue<string>());

        Assert.Equal((1, 2, 2), Counts(await DoneAsync("poison", "redrive", "--queue", "generate-a100", "--json")));
        Assert.Equal(shard, (await _storage.Queue("generate-a100").PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal((1, 1), (await CountAsync("train-a100-poison"), await CountAsync("webhook-poison")));

        await DoneAsync("poison", "redrive", "--all");
        Assert.Equal((1, 1), (await CountAsync("train-a100"), await CountAsync("webhook")));
        Assert.Equal((0, 0, 2), Counts(await DoneAsync("poison", "redrive", "--queue", "generate-a100-poison", "--json")));
        Assert.Equal((1, 2), (await CountAsync("generate-a100"), await CountAsync("generate-a100-poison")));
        Assert.Equal(1, await CountAsync("foreign-poison"));
    }

    [Fact]
    public async Task Many_messages_that_two_redrive_at_once_are_not_lost()
    {
        const int Count = 50;
        for (int shard = 0; shard < Count; shard++)
        {
            string message = $$"""{"tenant":"acme","batch":"{{_running.RowKey}}","attempt":"attempt","shard":{{shard}}}""";
            await SendAsync("generate-a100-poison", message);
        }
        Assert.Contains($"has {Count} messages, 32 of them shown", await DoneAsync("poison", "list"), StringComparison.Ordinal);

        await Task.WhenAll(DoneAsync("poison", "redrive", "--all"), DoneAsync("poison", "redrive", "--all"));

        Assert.Equal((0, Count), (await CountAsync("generate-a100-poison"), await CountAsync("generate-a100")));
    }

    // A message in another encoding must be shown as it is: https://github.com/MicrosoftDocs/azure-docs/issues/90032,
    // https://github.com/microsoft/AzureStorageExplorer/issues/1338 (123q), https://github.com/microsoft/AzureStorageExplorer/issues/4912
    [Theory]
    [InlineData("no message", "no message")]
    [InlineData("123q", "123q")]
    [InlineData("eyJ0ZW5hbnQiOiJhY21lIn0=", "eyJ0ZW5hbnQiOiJhY21lIn0=")]
    [InlineData("two\nlines\tand a tab", "two\\u000alines\\u0009and a tab")]
    [InlineData("null", "null")]
    [InlineData("[1]", "[1]")]
    [InlineData("""{"tenant":5}""", """{"tenant":5}""")]
    [InlineData("""{"tenant":"a","batch":"\ud800"}""", """{"tenant":"a","batch":"\ud800"}""")]
    [InlineData("""{"tenant":"a/b","batch":"c#d?"}""", """{"tenant":"a/b","batch":"c#d?"}""")]
    public async Task A_message_that_is_no_message_is_shown_with_its_text_and_stays(string text, string line)
    {
        await SendAsync("plan-poison", text);

        string listed = await DoneAsync("poison", "list");
        Assert.Contains("names none", listed, StringComparison.Ordinal);
        Assert.EndsWith("  " + line, Assert.Single(Lines(listed)[1..]), StringComparison.Ordinal);
        Assert.Equal(text, JsonNode.Parse(await DoneAsync("poison", "list", "--json"))![0]!["text"]!.GetValue<string>());
        Assert.Equal((0, 0, 1), Counts(await DoneAsync("poison", "redrive", "--queue", "plan", "--json")));
    }

    [Fact]
    public async Task A_long_message_is_cut_for_people_and_whole_in_JSON()
    {
        string text = new('x', 5000);
        await SendAsync("plan-poison", text);

        Assert.EndsWith($" {text[..200]}...", Lines(await DoneAsync("poison", "list"))[1], StringComparison.Ordinal);
        Assert.Equal(text, JsonNode.Parse(await DoneAsync("poison", "list", "--json"))![0]!["text"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_message_that_is_being_processed_is_counted_with_the_reason_why_it_is_not_shown()
    {
        await SendAsync("plan-poison", "no message");
        await _storage.Queue("plan-poison").ReceiveMessageAsync(TimeSpan.FromMinutes(1));

        string last = Lines(await DoneAsync("poison", "list"))[^1];

        Assert.Equal("plan-poison has 1 messages, 0 of them shown: the others are being processed, and can be read later", last);
    }

    private static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static (int Sent, int Dropped, int Kept) Counts(string json)
    {
        var queue = Assert.Single(JsonNode.Parse(json)!.AsArray())!;
        return (queue["num_sent"]!.GetValue<int>(), queue["num_dropped"]!.GetValue<int>(), queue["num_kept"]!.GetValue<int>());
    }

    private async Task SendAsync(string queue, params string[] messages)
    {
        await _storage.Queue(queue).CreateIfNotExistsAsync();
        foreach (string message in messages)
            await _storage.Queue(queue).SendMessageAsync(message);
    }

    private async Task<int> CountAsync(string queue) => (await _storage.Queue(queue).GetPropertiesAsync()).Value.ApproximateMessagesCount;

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);
}
