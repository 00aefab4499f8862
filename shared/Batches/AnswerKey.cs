using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// The row keys of answers at once. They are batches of one line, stored beside the others of their tenant, and sort behind all of them,
/// so that a listing of batches never reads one.
/// </summary>
public static class AnswerKey
{
    /// <summary>Keys of other batches begin with a hexadecimal digit.</summary>
    public const string Prefix = "now-";

    public const string IdPrefix = "answer_";

    /// <param name="key">A <see cref="SortableKey"/>.</param>
    public static string Of(string key) => Prefix + key;

    /// <returns>Null when no answer can have this id.</returns>
    public static string? Parse(string id) => SortableKey.Parse(id, IdPrefix) is { } key ? Of(key) : null;

    public static bool IsOne(string rowKey) => rowKey.StartsWith(Prefix, StringComparison.Ordinal);

    public static string Id(string rowKey) => IdPrefix + rowKey[Prefix.Length..];
}
