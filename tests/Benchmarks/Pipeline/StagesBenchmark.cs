using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <param name="Lines">Lines or documents.</param>
/// <param name="ProcessorSeconds">Of the process, its start included.</param>
/// <param name="PeakBytes">The peak of the process's working set.</param>
internal sealed record StageMeasurement(int Lines, string Stage, double Seconds, double ProcessorSeconds, long PeakBytes);

/// <summary>Plans and finishes batches of growing files; the parts between are written as workers do, with made-up answers.</summary>
internal static class StagesBenchmark
{
    public const string Tenant = "tenant", Model = "model", Gap = "[MASK:16]";

    private static readonly string s_fill = new('a', 60);

    /// <param name="create">Uploads the input of that many lines and makes the batch's record, whose bytes are not counted.</param>
    public static async IAsyncEnumerable<StageMeasurement> RunAsync(
        IReadOnlyList<int> sizes, Func<StorageAccount, int, CancellationToken, Task<BatchRecord>> create,
            [EnumeratorCancellation] CancellationToken cancellation)
    {
        string logs = Directory.CreateTempSubdirectory("llada-stages-").FullName;
        await using (var azurite = await AzuriteServer.StartInMemoryAsync(
            [.. sizes.Select(size => $"lines{size}")], logs, Console.Error.WriteLine, cancellation))
        {
            foreach (int size in sizes)
            {
                string connection = azurite.ConnectionString($"lines{size}");
                var storage = new StorageAccount(new StorageOptions { ConnectionString = connection });
                await PrepareAsync(storage, cancellation);
                var batch = await create(storage, size, cancellation);
                await new BatchStore(storage, TimeProvider.System).AddAsync(batch, inputBytes: 0, cancellation);
                foreach (string stage in new[] { "plan", "finish" })
                {
                    if (stage == "finish")
                        await AnswerAsync(storage, batch, cancellation);
                    var (seconds, processor, peak) = await FunctionsStage.StartAsync(stage, connection, batch.RowKey, size, cancellation);
                    yield return new StageMeasurement(size, stage, seconds, processor, peak);
                }
                if (await new BatchStore(storage, TimeProvider.System).Records.FindAsync(Tenant, batch.RowKey, cancellation) is not
                    { Status: BatchStatus.Completed } ended || ended.CompletedLines != size)
                    throw new StackException($"The batch of {size} lines did not complete");
            }
        }
        Directory.Delete(logs, recursive: true);
    }

    /// <summary>A batch over a file of lines.</summary>
    public static async Task<BatchRecord> CreateFileAsync(StorageAccount storage, int numLines, CancellationToken cancellation)
    {
        var files = new FileStore(storage, TimeProvider.System);
        string key = files.NewKey();
        await using (var writer = files.Write(Tenant, key, cancellation))
        {
            foreach (int line in Enumerable.Range(1, numLines))
            {
                var request = new
                    { custom_id = $"request-{line}", method = "POST", url = BatchEndpoint.Infill,
                    body = new { model = Model, text = $"And God said to the {line}. of them, {Gap}." } };
                await writer.Content.WriteAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(request) + "\n"), cancellation);
            }
            await writer.CompleteAsync();
        }
        var input = await files.AddAsync(Tenant, key, "input.jsonl", FilePurpose.Batch, expiresAt: null, cancellation);
        return new BatchRecord
            { PartitionKey = Tenant, Endpoint = BatchEndpoint.Infill, InputFileId = input.Id,
            CompletionWindow = "24h", ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1) };
    }

    /// <summary>A batch over a folder of <see cref="MadeUpDocuments"/>, whatever their number.</summary>
    public static async Task<BatchRecord> CreateFolderAsync(StorageAccount storage, int numDocuments, CancellationToken cancellation)
    {
        await new ContainerBindings(storage)
            .BindAsync(Tenant, MadeUpDocuments.Container, MadeUpDocuments.Container, accountUrl: null, cancellation);
        await storage.Container(MadeUpDocuments.Container).CreateIfNotExistsAsync(cancellationToken: cancellation);
        static string Folder(string prefix) => BlobFolder.InContainer(MadeUpDocuments.Container, prefix).ToJson();
        return new BatchRecord
        {
            PartitionKey = Tenant,
            Endpoint = BatchEndpoint.Infill,
            InputFolder = Folder(MadeUpDocuments.Input),
            OutputFolder = Folder(MadeUpDocuments.Output),
            DocumentBody = $$"""{"model":"{{Model}}"}""",
            CompletionWindow = "24h",
            ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
        };
    }

    private static async Task PrepareAsync(StorageAccount storage, CancellationToken cancellation)
    {
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], cancellation);
        await new ModelCatalog(storage)
            .RegisterAsync(
                new ModelRecord
                { PartitionKey = ModelRecord.EveryTenant, Id = Model, ContextLength = 512, TokenForwardsPerSecond = 5_000 }, cancellation);
    }

    private static async Task AnswerAsync(StorageAccount storage, BatchRecord batch, CancellationToken cancellation)
    {
        var blobs = new BatchBlobs(storage, batch);
        var plan = (await blobs.FindPlanAsync(cancellation))!;
        foreach (int shard in Enumerable.Range(0, plan.Shards.Count))
        {
            var lines = await blobs.Shards.ReadAsync(plan.PlanId, shard, cancellation);
            var answers = lines
                .Select(line =>
                    OutputLines.Answered(
                        line, new
                        { id = $"infill-{Guid.NewGuid():N}", model = Model,
                        text = Filled(line), spans = new[] { new { index = 0, text = s_fill, tokens = 16 } } }));
            await blobs.Parts.WriteAsync(shard, answers, new PartCounts(lines.Count, 0, 20 * lines.Count, 16 * lines.Count), cancellation);
        }
    }

    private static string Filled(ShardLine line) =>
        line.Body.GetProperty("text").GetString()!.Replace(Gap, s_fill, StringComparison.Ordinal);
}
