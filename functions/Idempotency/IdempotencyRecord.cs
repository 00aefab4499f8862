using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Idempotency;

/// <summary>
/// A request with an Idempotency-Key: written before its work, and the fence of it. The partition is the tenant, the row key the hash of
/// the key.
/// </summary>
public sealed class IdempotencyRecord : TableRow
{
    /// <summary>A column takes 32 K characters.</summary>
    private const int ColumnChars = 30_000;

    /// <summary>The method and the path.</summary>
    public string Request { get; set; } = "";

    /// <summary>SHA-256 of the body, in hexadecimal digits.</summary>
    public string BodyHash { get; set; } = "";

    /// <summary>The key of the object that the request creates, the same one at every try.</summary>
    public string WorkKey { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Processes that have begun the work.</summary>
    public int Tries { get; set; }

    /// <summary>Whether the last try ended without an answer, so that the next one need not wait.</summary>
    public bool IsFree { get; set; }

    /// <summary>The status of the answer; null while there is none.</summary>
    public int? Status { get; set; }

    public string? Location { get; set; }

    /// <summary>The body of the answer, sealed where the service has a key, in up to four columns.</summary>
    public string? Answer1 { get; set; }

    public string? Answer2 { get; set; }

    public string? Answer3 { get; set; }

    public string? Answer4 { get; set; }

    [IgnoreDataMember]
    public string Answer => Answer1 + Answer2 + Answer3 + Answer4;

    /// <summary>Another try begins: the last one has ended, or given no sign of life for some time.</summary>
    public bool TryBegin(DateTimeOffset now, TimeSpan stalledAfter)
    {
        if (Status is not null || !(IsFree || Timestamp < now - stalledAfter))
            return false;
        (IsFree, Tries) = (false, Tries + 1);
        return true;
    }

    /// <summary>The work is done. The first answer counts.</summary>
    /// <returns>False also where the answer is too long to be kept.</returns>
    public bool TryAnswer(int status, string? location, string answer)
    {
        string[] columns = [.. answer.Chunk(ColumnChars).Select(chars => new string(chars))];
        if (Status is not null || columns.Length > 4)
            return false;
        (Status, Location) = (status, location);
        Answer1 = columns.ElementAtOrDefault(0);
        Answer2 = columns.ElementAtOrDefault(1);
        Answer3 = columns.ElementAtOrDefault(2);
        Answer4 = columns.ElementAtOrDefault(3);
        return true;
    }

    /// <summary>The try ended without an answer, and it is not known what it did.</summary>
    public bool TryFree()
    {
        if (Status is not null)
            return false;
        IsFree = true;
        return true;
    }
}
