using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Http;

/// <summary>The key of the object that a request creates.</summary>
internal static class CreationKey
{
    private const string Item = "CreationKey";

    /// <summary>A new <see cref="SortableKey"/>, and at every try of a request with an Idempotency-Key the same one.</summary>
    public static string NewKey(this HttpContext context, TimeProvider time) =>
        context.Items[Item] as string ?? SortableKey.Create(time);

    /// <summary>Whether another try of the request may be at the same work.</summary>
    public static bool SharesItsWork(this HttpContext context) => context.Items.ContainsKey(Item);

    public static void SetCreationKey(this HttpContext context, string key) => context.Items[Item] = key;
}
