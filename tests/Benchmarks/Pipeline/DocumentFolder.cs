using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Documents;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>A batch over a folder of small documents, with a gap each.</summary>
internal static class DocumentFolder
{
    private const string Name = "documents";
    private const int NumCharacters = 1_000, Concurrency = 16;

    /// <summary>Uploads the documents and creates the batch; the containers of the service are there.</summary>
    public static async Task<BatchRecord> CreateAsync(StorageAccount storage, int numDocuments, CancellationToken cancellation)
    {
        await new ContainerBindings(storage).BindAsync(StagesBenchmark.Tenant, Name, Name, accountUrl: null, cancellation);
        var container = storage.Container(Name);
        await container.CreateIfNotExistsAsync(cancellationToken: cancellation);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForAsync(1, numDocuments + 1, options, async (number, stop) =>
            await container.GetBlobClient($"in/{number % 100:D2}/{number:D6}.txt").UploadAsync(new BinaryData(Text(number)), overwrite: true, stop));
        return new BatchRecord
        {
            PartitionKey = StagesBenchmark.Tenant,
            Endpoint = BatchEndpoint.Infill,
            InputFolder = Folder("in/"),
            OutputFolder = Folder("out/"),
            DocumentBody = $$"""{"model":"{{StagesBenchmark.Model}}"}""",
            CompletionWindow = "24h",
            ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
        };
    }

    private static string Text(int number) => $"And God said to the {number}. of them, {StagesBenchmark.Gap}.\n".PadRight(NumCharacters, 'x');

    private static string Folder(string prefix) => new BlobFolder(Name, prefix, Url: null, SealedUrl: null).ToJson();
}
