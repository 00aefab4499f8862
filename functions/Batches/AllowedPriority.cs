using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The priority of a new batch, within what the operator allows its key and its tenant.</summary>
internal sealed class AllowedPriority(TenantQuotas quotas)
{
    /// <param name="asked">What the client named; null where it named none.</param>
    /// <param name="usual">Then this one counts, or the most that is allowed where that is less.</param>
    /// <exception cref="ApiException">403: the client named more than it is allowed.</exception>
    public async Task<BatchPriority> OfAsync(HttpContext context, BatchPriority? asked, BatchPriority usual)
    {
        var quota = await quotas.OfAsync(context.Tenant(), context.RequestAborted);
        var most = (BatchPriority)Math.Min((int)quota.MaxPriority, (int)context.MaxPriority());
        if (asked > most)
        {
            var error = new ApiError(
                $"priority can be at most '{most.WireName()}' with this key; ask the operator for more", "permission_error",
                "priority", "priority_not_allowed");
            throw new ApiException(StatusCodes.Status403Forbidden, error);
        }
        return asked ?? (BatchPriority)Math.Min((int)usual, (int)most);
    }
}
