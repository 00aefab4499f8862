using System.Threading.RateLimiting;
using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Quotas;

/// <summary>Limits the uploads of a tenant at a time in this process.</summary>
internal sealed class UploadPlaces(TenantQuotas quotas) : IDisposable
{
    private static readonly TimeSpan s_untilUploadEnds = TimeSpan.FromSeconds(2);

    private readonly PartitionedRateLimiter<Uploader> _places = PartitionedRateLimiter.Create<Uploader, Uploader>(uploader =>
        RateLimitPartition.GetConcurrencyLimiter(
            uploader, who => new ConcurrencyLimiterOptions { PermitLimit = who.AtOnce, QueueLimit = 0 }));

    /// <returns>The place; dispose it when the upload has ended.</returns>
    /// <exception cref="ApiException">429: all places of the tenant are taken.</exception>
    public async Task<IDisposable> EnterAsync(string tenant, CancellationToken cancellation)
    {
        int atOnce = (await quotas.OfAsync(tenant, cancellation)).UploadsAtOnce;
        var place = _places.AttemptAcquire(new Uploader(tenant, atOnce));
        if (place.IsAcquired)
            return place;
        place.Dispose();
        throw ApiException.TooMany(
            $"You have {atOnce} uploads in progress; wait for one to end, or ask the operator for more",
            "rate_limit_exceeded",
            s_untilUploadEnds);
    }

    public void Dispose() => _places.Dispose();

    private readonly record struct Uploader(string Tenant, int AtOnce);
}
